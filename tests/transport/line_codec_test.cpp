// SPDX-License-Identifier: BSD-2-Clause
#include "transport/line_codec.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace duplex;
using namespace duplex::transport;

namespace {

constexpr std::uint64_t limit = 8;
constexpr bool going_on = false, ended = true;

// A stream of lines as a session sees it: pieces arrive, whole lines are taken.
struct line_stream {
  void arrive(std::string_view text) { buffer.append(text.data(), text.size()); }
  bool readable(bool is_ended = going_on) { return reader.has_frame(buffer, limit, is_ended); }
  // The lines, or the error's text as the only one.
  std::vector<std::string> take(bool is_ended = going_on) {
    const auto batch = reader.take(buffer, limit, is_ended);
    if (!batch) return {batch.error().message()};
    std::vector<std::string> lines;
    for (const auto payload : *batch) lines.emplace_back(payload);
    return lines;
  }

  receive_buffer buffer;
  line_reader reader;
};

using lines = std::vector<std::string>;

}  // namespace

TEST_CASE("line_codec: a batch becomes text, a newline after each frame", "[line_codec]") {
  frame_writer batch;
  for (const auto* payload : {"one", "", "three"}) batch.put(payload);
  CHECK(to_lines(batch.take()).view() == "one\n\nthree\n");
  CHECK(to_lines(frames{}).empty());
  CHECK(to_lines(make_frames("a\nb")).view() == "a\nb\n");
}

TEST_CASE("line_codec: a line is whole with its newline, wherever the pieces are cut", "[line_codec]") {
  const std::string text = "one\n\nthree\nlast\n";
  const auto size = GENERATE(range<std::size_t>(1, 17));
  line_stream from;
  lines got;
  for (std::size_t at = 0; at < text.size(); at += size) {
    from.arrive(std::string_view{text}.substr(at, size));
    const bool readable = from.readable();
    const auto some = from.take();
    CHECK(readable == !some.empty());
    got.insert(got.end(), some.begin(), some.end());
  }
  CHECK(got == lines{"one", "", "three", "last"});
  CHECK(from.buffer.empty());
}

TEST_CASE("line_codec: an unfinished line waits, and looking at it again changes nothing", "[line_codec]") {
  line_stream from;
  for (const auto* piece : {"ab", "cd", ""}) {
    from.arrive(piece);
    for (int i = 0; i < 2; ++i) {
      CHECK_FALSE(from.readable());
      CHECK(from.take().empty());
    }
  }
  from.arrive("\nef");
  CHECK(from.readable());
  CHECK(from.take() == lines{"abcd"});
  CHECK_FALSE(from.readable());
  CHECK(from.buffer.view() == "ef");
}

TEST_CASE("line_codec: at the end what is left is a line, without a newline too", "[line_codec]") {
  line_stream from;
  from.arrive("one\nlast");
  CHECK(from.take() == lines{"one"});
  CHECK_FALSE(from.readable(going_on));
  CHECK(from.readable(ended));
  CHECK(from.take(ended) == lines{"last"});
  CHECK_FALSE(from.readable(ended));
  CHECK(from.take(ended).empty());
}

TEST_CASE("line_codec: a newline at the end makes no empty line after it", "[line_codec]") {
  line_stream from;
  from.arrive("one\n\n");
  CHECK(from.take(ended) == lines{"one", ""});
  CHECK_FALSE(from.readable(ended));
}

TEST_CASE("line_codec: the limit counts the line without its newline", "[line_codec]") {
  line_stream from;
  from.arrive("12345678");
  CHECK_FALSE(from.readable());
  CHECK(from.take().empty());
  from.arrive("\n");
  CHECK(from.take() == lines{"12345678"});
  from.arrive("12345678");
  CHECK(from.take(ended) == lines{"12345678"});
}

TEST_CASE("line_codec: one byte over the limit is an error that names limit and option", "[line_codec]") {
  line_stream from;
  const bool finished = GENERATE(false, true), at_end = GENERATE(false, true);
  from.arrive(finished ? "123456789\n" : "123456789");
  CHECK(from.readable(at_end));
  for (int i = 0; i < 2; ++i) {  // for good
    const auto why = from.reader.take(from.buffer, limit, at_end).error();
    CHECK(why.code() == errc::frame_too_large);
    CHECK_THAT(why.context(), Catch::Contains("a line of 9 bytes") && Catch::Contains("8 (option max_frame)"));
  }
}

TEST_CASE("line_codec: lines before a too long one are taken first", "[line_codec]") {
  line_stream from;
  const bool finished = GENERATE(false, true);
  from.arrive(std::string{"one\ntwo\n123456789"} + (finished ? "\nfour\n" : ""));
  CHECK(from.take() == lines{"one", "two"});
  CHECK(from.readable());
  CHECK_THAT(from.take().at(0), Catch::Contains("a line of 9"));
}

TEST_CASE("line_codec: ten thousand lines in one batch keep their order", "[line_codec]") {
  line_stream from;
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += std::to_string(i) + '\n';
  from.arrive(text);
  const auto got = from.take();
  REQUIRE(got.size() == 10'000);
  CHECK(got[0] == "0");
  CHECK(got[9'999] == "9999");
  CHECK(from.buffer.empty());
}

TEST_CASE("line_codec: bytes taken in between are not searched again, nor missed", "[line_codec]") {
  line_stream from;
  from.arrive("abcdef");
  CHECK(from.take().empty());  // six bytes are known to hold no newline
  (void)from.buffer.take_bytes(4);
  from.reader.forget();
  from.arrive("\ngh\n");
  CHECK(from.readable());
  CHECK(from.take() == lines{"ef", "gh"});
}

TEST_CASE("line_codec: carriage returns and zero bytes belong to the line", "[line_codec]") {
  line_stream from;
  from.arrive(std::string_view{"a\r\n\0b\n", 6});
  CHECK(from.take() == lines{"a\r", std::string{"\0b", 2}});
}
