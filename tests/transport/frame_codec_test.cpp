// SPDX-License-Identifier: BSD-2-Clause
#include "transport/frame_codec.hpp"

#include <malloc.h>

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

using namespace duplex;
using duplex::transport::receive_buffer;
using namespace std::string_literals;
using strings = std::vector<std::string>;

namespace {

constexpr std::uint64_t limit = 16U << 20;

std::string header(std::uint32_t length) {
  std::string text(frame_header, '\0');
  detail::store_length(text.data(), length);
  return text;
}

std::string framed(std::string_view payload) {
  return header(static_cast<std::uint32_t>(payload.size())).append(payload);
}

void append(receive_buffer& to, std::string_view data) { to.append(data.data(), data.size()); }

strings payloads(const frames& batch) {
  strings all;
  for (const auto payload : batch) all.emplace_back(payload);
  return all;
}

strings taken(receive_buffer& from) {
  auto batch = from.take_frames(limit);
  REQUIRE(batch);
  return payloads(*batch);
}

std::string random_payload(std::mt19937& random) {
  // Often nothing or little, sometimes more than a block, rarely more than a packet.
  static constexpr std::size_t most[] = {1, 8, 8, 300, 5000, 120'000};
  std::string payload(random() % most[random() % 6], '\0');
  for (auto& c : payload) c = static_cast<char>(random());
  return payload;
}

// Keeps what this thread's free lists hold, so that what is allocated afterwards is allocated for real.
std::vector<detail::block_ptr> empty_free_lists() {
  std::vector<detail::block_ptr> kept;
  for (std::size_t size = 256; size <= (8U << 20); size *= 2)
    for (int i = 0; i < 17; ++i) kept.emplace_back(detail::block::make(size));
  return kept;
}

// Bytes that the process has allocated. ASan and TSan have their own allocator: there it is 0 throughout.
std::size_t allocated() {
  const auto now = ::mallinfo2();
  return now.uordblks + now.hblkhd;
}

}  // namespace

TEST_CASE("frame codec: frames come whole when bytes come one at a time", "[frame codec]") {
  const strings sent{"", "a", "hello", "", std::string(300, 'x')};
  receive_buffer buffer;
  strings got;
  for (const auto& payload : sent)
    for (const char c : framed(payload)) {
      CHECK(buffer.truncation().code() == (buffer.empty() ? errc::none : errc::truncated));
      append(buffer, {&c, 1});
      const bool ready = buffer.has_frame(limit);
      const auto more = taken(buffer);
      REQUIRE(ready == !more.empty());
      got.insert(got.end(), more.begin(), more.end());
    }
  CHECK((got == sent));
  CHECK(buffer.empty());
  CHECK_FALSE(buffer.truncation());
}

TEST_CASE("frame codec: any split of the bytes gives the same frames, and what was taken stays", "[frame codec]") {
  std::mt19937 random{1};
  for (int round = 0; round < 100; ++round) {
    strings sent;
    std::string wire;
    for (auto n = random() % 40; n != 0; --n) wire += framed(sent.emplace_back(random_payload(random)));
    const auto longest_piece = 1 + random() % (round % 2 != 0 ? 40'000 : 200);
    receive_buffer buffer;
    std::vector<frames> batches;  // compared at the very end: later bytes must not reach them
    const auto keep = [&](result<frames> batch) {
      REQUIRE(batch);
      REQUIRE(payloads(*batch).size() == batch->count());
      if (!batch->empty()) batches.push_back(std::move(*batch));
    };
    for (std::string_view rest{wire}; !rest.empty();) {
      const auto piece = std::min<std::size_t>(rest.size(), 1 + random() % longest_piece);
      append(buffer, rest.substr(0, piece));
      rest.remove_prefix(piece);
      if (random() % 3 == 0) keep(buffer.take_frames(limit));
      if (random() % 3 == 0) keep(buffer.take_frame(limit));
    }
    keep(buffer.take_frames(limit));
    strings got;
    for (const auto& batch : batches)
      for (const auto payload : batch) got.emplace_back(payload);
    REQUIRE((got == sent));
    REQUIRE(buffer.empty());
  }
}

// The same operations on a plain string, in the dullest way.
struct model {
  std::string rest;

  std::pair<strings, bool> take(std::uint64_t max_frame, std::size_t most) {  // frames, and whether it is an error
    strings got;
    while (rest.size() >= frame_header && got.size() < most) {
      const std::uint64_t length = detail::load_length(rest.data());
      if (length > max_frame) return {got, got.empty()};
      if (rest.size() < frame_header + length) break;
      got.push_back(rest.substr(frame_header, length));
      rest.erase(0, frame_header + length);
    }
    return {got, false};
  }
  std::string take_bytes(std::size_t most) {
    auto got = rest.substr(0, most);
    rest.erase(0, most);
    return got;
  }
};

TEST_CASE("frame codec: reading raw, one by one and in batches may be mixed", "[frame codec]") {
  constexpr std::uint64_t small_limit = 2000;
  std::mt19937 random{2};
  std::size_t errors = 0, batches = 0;
  for (int round = 0; round < 300; ++round) {
    receive_buffer buffer;
    model expected;
    for (int step = 0; step < 100; ++step) {
      std::string piece;
      switch (random() % 4) {
        case 0:
          piece = framed(std::string(random() % 600, static_cast<char>(random())));
          break;
        case 1:
          piece = header(static_cast<std::uint32_t>(random() % (random() % 16 == 0 ? 7000 : 2000)));
          break;
        case 2:
          piece.assign(random() % 50, random() % 8 == 0 ? '\xff' : '\0');
          break;
        default:
          break;
      }
      if (!piece.empty()) append(buffer, piece);
      expected.rest += piece;
      if (random() % 8 == 0) {
        const auto most = random() % 1000;
        REQUIRE(buffer.take_bytes(most) == expected.take_bytes(most));
      } else if (random() % 2 == 0) {
        const bool one = random() % 2 == 0;
        auto got = one ? buffer.take_frame(small_limit) : buffer.take_frames(small_limit);
        const auto [all, failed] = expected.take(small_limit, one ? 1 : SIZE_MAX);
        REQUIRE(static_cast<bool>(got) == !failed);
        errors += failed ? 1 : 0;
        if (!got) continue;
        REQUIRE((payloads(*got) == all));
        batches += all.size() > 1 ? 1 : 0;
      }
      REQUIRE(buffer.size() == expected.rest.size());
    }
  }
  CHECK(errors > 100);  // the interesting cases were there
  CHECK(batches > 100);
}

TEST_CASE("frame codec: take_frame takes one after the other", "[frame codec]") {
  receive_buffer buffer;
  append(buffer, framed("one") + framed("") + framed("three") + "\0\0"s);
  for (const auto* payload : {"one", "", "three"}) {
    auto one = buffer.take_frame(limit);
    REQUIRE(one);
    CHECK((payloads(*one) == strings{payload}));
  }
  auto none = buffer.take_frame(limit);
  REQUIRE(none);
  CHECK(none->empty());
  CHECK(buffer.size() == 2);
}

TEST_CASE("frame codec: a frame over the limit is an error for good, after the frames before it", "[frame codec]") {
  receive_buffer buffer;
  append(buffer, framed("first") + framed("12345") + framed("123456") + framed("after"));
  auto before = buffer.take_frames(5);
  REQUIRE(before);
  CHECK((payloads(*before) == strings{"first", "12345"}));
  for (int again = 0; again < 2; ++again) {
    CHECK(buffer.has_frame(5));
    auto wrong = buffer.take_frames(5);
    CHECK(wrong.error().code() == errc::frame_too_large);
    CHECK(wrong.error().context() == "a frame of 6 bytes is over the limit of 5 (the receiver's option max_frame)");
    CHECK(buffer.take_frame(5).error() == wrong.error());
    append(buffer, framed("more"));
  }
}

TEST_CASE("frame codec: text that is taken for a length is shown", "[frame codec]") {
  receive_buffer buffer;
  append(buffer, "Mon Nov 30");
  CHECK_THAT(buffer.take_frames(5).error().context(),
             Catch::EndsWith("or is it no frame but text that begins with 'Mon '?"));
}

TEST_CASE("frame codec: a frame of just the limit is taken", "[frame codec]") {
  receive_buffer buffer;
  append(buffer, framed(std::string(70'000, 'x')));
  auto whole = buffer.take_frames(70'000);
  REQUIRE(whole);
  CHECK(whole->count() == 1);
}

TEST_CASE("frame codec: an announced length allocates nothing by itself", "[frame codec]") {
  const std::uint32_t announced = GENERATE(0xffffffffU, 0x80000000U, 0x40000001U);
  const auto kept = empty_free_lists();
  receive_buffer buffer;
  const auto before = allocated();
  append(buffer, header(announced));
  CHECK(allocated() - before < 8192);
  CHECK(buffer.take_frames(limit).error().code() == errc::frame_too_large);
  for (int i = 0; i < 100; ++i) append(buffer, "dripping on");
  CHECK(allocated() - before < 16'384);
}

TEST_CASE("frame codec: a length within the limit reserves no more than a window", "[frame codec]") {
  const auto kept = empty_free_lists();
  receive_buffer buffer;
  const auto before = allocated();
  append(buffer, header(1U << 30));
  append(buffer, std::string(100'000, 'x'));
  CHECK(allocated() - before < (2U << 20) + 8192);
  auto none = buffer.take_frames(1U << 30);
  REQUIRE(none);
  CHECK(none->empty());
}

TEST_CASE("frame codec: what the end cut off is told", "[frame codec]") {
  receive_buffer buffer;
  CHECK_FALSE(buffer.truncation());
  append(buffer, framed("whole") + "\0\0\1"s);
  CHECK((taken(buffer) == strings{"whole"}));
  CHECK(buffer.truncation().code() == errc::truncated);
  CHECK(buffer.truncation().context() == "the stream ended after 3 bytes of a frame's length");
  append(buffer, "\0"s);
  CHECK(buffer.truncation().context() == "the stream ended after 0 bytes of a frame of 256");
  append(buffer, "abc");
  CHECK(buffer.truncation().context() == "the stream ended after 3 bytes of a frame of 256");
}

TEST_CASE("frame codec: large frames back to back keep their bytes", "[frame codec]") {
  const std::size_t payload_size = GENERATE((1U << 20) - 4, 1U << 20, (3U << 20) + 1);
  const std::size_t piece = GENERATE(4096, 32'758, 100'000);
  constexpr std::size_t count = 8;
  std::mt19937 random{3};
  std::string wire;
  strings sent;
  for (std::size_t i = 0; i < count; ++i) {
    std::string payload(payload_size, '\0');
    for (std::size_t at = 0; at < payload.size(); at += 61) payload[at] = static_cast<char>(random());
    wire += framed(sent.emplace_back(std::move(payload)));
  }
  receive_buffer buffer;
  std::vector<frames> batches;
  for (std::string_view rest{wire}; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size()))) {
    append(buffer, rest.substr(0, piece));
    auto batch = buffer.take_frames(limit);
    REQUIRE(batch);
    if (!batch->empty()) batches.push_back(std::move(*batch));
  }
  strings got;
  for (const auto& batch : batches)
    for (const auto payload : batch) got.emplace_back(payload);
  CHECK((got == sent));
  CHECK(buffer.empty());
}

TEST_CASE("frame codec: bytes left unread in small pieces do not pile up memory", "[frame codec]") {
  // A reader that is always one byte behind: the block must not keep what was taken long ago.
  const auto kept = empty_free_lists();
  receive_buffer buffer;
  append(buffer, "x");
  const auto before = allocated();
  for (int i = 0; i < 100'000; ++i) {
    append(buffer, "0123456789"s);
    REQUIRE(buffer.take_bytes(10).size() == 10);
  }
  CHECK(buffer.size() == 1);
  CHECK(allocated() - before < 4U << 20);
}

TEST_CASE("frame codec: memory that is handed over is not copied", "[frame codec]") {
  receive_buffer buffer;
  const bytes one{framed(std::string(3000, 'a')) + framed("b")}, other{framed(std::string(5000, 'c'))};
  buffer.append(one);
  buffer.append(other);
  CHECK(buffer.size() == one.size() + other.size());
  auto first = buffer.take_frames(limit), second = buffer.take_frames(limit);
  REQUIRE((first && second));
  CHECK(first->image().data() == one.data());
  CHECK(first->count() == 2);
  CHECK(second->image().data() == other.data());
  CHECK(buffer.empty());
}

TEST_CASE("frame codec: memory that was handed over is never written to", "[frame codec]") {
  const bytes whole{framed("first") + std::string(100, 'x')};
  const auto before = whole.str();
  receive_buffer buffer;
  buffer.append(whole.slice(0, 9));
  append(buffer, framed("more"));  // not behind it, where others see it
  CHECK(whole.view() == before);
  CHECK(taken(buffer) == strings{"first", "more"});
}

TEST_CASE("frame codec: handed-over pieces of any size make up the same frames", "[frame codec]") {
  std::mt19937 random{7};
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>{0, n - 1}(random); };
  for (int round = 0; round < 50; ++round) {
    strings sent;
    std::string wire;
    for (int i = 0; i < 40; ++i) {
      sent.emplace_back(below(i % 5 == 0 ? 20'000 : 300), static_cast<char>('a' + i % 26));
      wire += framed(sent.back());
    }
    receive_buffer buffer;
    strings got;
    const auto take = [&] {
      for (auto some = taken(buffer); !some.empty(); some = taken(buffer))
        got.insert(got.end(), some.begin(), some.end());
    };
    for (std::string_view rest{wire}; !rest.empty();) {
      const auto n = std::min(rest.size(), 1 + below(below(2) == 0 ? 100 : 9000));
      if (below(4) == 0)
        append(buffer, rest.substr(0, n));
      else
        buffer.append(bytes{rest.substr(0, n)});
      rest.remove_prefix(n);
      if (below(3) == 0) take();
    }
    take();
    CHECK((got == sent));
    CHECK(buffer.empty());
  }
}

TEST_CASE("frame codec: handed-over pieces are read raw, one after the other", "[frame codec]") {
  receive_buffer buffer;
  std::string expected, got;
  for (int i = 0; i < 300; ++i) {
    expected += std::string(3000, static_cast<char>('a' + i % 26));
    buffer.append(bytes{std::string(3000, static_cast<char>('a' + i % 26))});
    got += buffer.take_bytes(2000).view();  // always behind
  }
  CHECK(buffer.size() == expected.size() - got.size());
  while (!buffer.empty()) got += buffer.take_bytes(70'000).view();
  CHECK((got == expected));
}
