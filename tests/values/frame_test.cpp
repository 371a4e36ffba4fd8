// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/frame.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using duplex::bytes;
using duplex::frame_header;
using duplex::frame_writer;
using duplex::frames;

namespace {

frames batch_of(const std::vector<std::string>& payloads) {
  frame_writer writer;
  for (const auto& payload : payloads) writer.put(payload);
  return writer.take();
}

std::vector<std::string> payloads_of(const frames& batch) {
  std::vector<std::string> all;
  for (const auto payload : batch) all.emplace_back(payload);
  return all;
}

}  // namespace

TEST_CASE("frame: a batch is the bytes that travel", "[frame]") {
  const auto batch = batch_of({"hi", "", std::string(258, 'x')});
  const std::string image = std::string("\0\0\0\2hi\0\0\0\0\0\0\1\2", 14) + std::string(258, 'x');
  CHECK(batch.image() == image);
  CHECK(batch.wire_size() == image.size());
  CHECK(batch.count() == 3);
}

TEST_CASE("frame: lengths are big-endian", "[frame]") {
  char header[4];
  for (const std::uint32_t n : {0U, 1U, 0x01020304U, 0xffffffffU}) {
    duplex::detail::store_length(header, n);
    CHECK(duplex::detail::load_length(header) == n);
  }
  duplex::detail::store_length(header, 0x01020304U);
  CHECK(std::string_view(header, 4) == "\1\2\3\4");
}

TEST_CASE("frame: a batch of none is empty", "[frame]") {
  for (const frames& none : {frames{}, frame_writer{}.take()}) {
    CHECK(none.empty());
    CHECK(none.count() == 0);
    CHECK(none.wire_size() == 0);
    CHECK(begin(none) == end(none));
  }
}

TEST_CASE("frame: an empty payload is a frame", "[frame]") {
  auto batch = duplex::make_frames("");
  CHECK_FALSE(batch.empty());
  CHECK(batch.count() == 1);
  CHECK(batch.wire_size() == frame_header);
  CHECK(payloads_of(batch) == std::vector<std::string>{""});
  CHECK(batch.pop_front().empty());
  CHECK(batch.empty());
}

TEST_CASE("frame: the writer grows and keeps what it holds", "[frame]") {
  std::vector<std::string> payloads;
  std::size_t wire = 0;
  frame_writer writer;
  // Sizes around each power of two, where blocks end; the header lands on both sides of the edge.
  for (std::size_t edge = 128; edge <= (1U << 17); edge *= 2)
    for (std::size_t size = edge - 6; size <= edge + 2; ++size) {
      payloads.emplace_back(size, static_cast<char>('a' + size % 26));
      writer.put(payloads.back());
      wire += frame_header + size;
      REQUIRE(writer.wire_size() == wire);
    }
  const auto batch = writer.take();
  CHECK(batch.count() == payloads.size());
  CHECK(batch.wire_size() == wire);
  CHECK((payloads_of(batch) == payloads));
}

TEST_CASE("frame: the writer starts anew after take", "[frame]") {
  frame_writer writer;
  CHECK(writer.empty());
  writer.put("one");
  CHECK_FALSE(writer.empty());
  const auto first = writer.take();
  CHECK(writer.empty());
  CHECK(writer.wire_size() == 0);
  writer.put("two");
  const auto second = writer.take();
  CHECK(payloads_of(first) == std::vector<std::string>{"one"});
  CHECK(payloads_of(second) == std::vector<std::string>{"two"});
}

TEST_CASE("frame: pop_front takes the frames in order and shares their memory", "[frame]") {
  auto batch = batch_of({"one", "", "three"});
  const char* const start = batch.image().data();
  const auto one = batch.pop_front();
  CHECK(one == "one");
  CHECK(one.data() == start + frame_header);
  CHECK(batch.count() == 2);
  CHECK(payloads_of(batch) == std::vector<std::string>{"", "three"});
  CHECK(batch.pop_front().empty());
  const auto three = batch.pop_front();
  CHECK(batch.empty());
  CHECK(batch.wire_size() == 0);
  CHECK(batch.image().data() == nullptr);  // an empty batch keeps no memory
  CHECK(three == "three");
  CHECK(one == "one");
}

TEST_CASE("frame: a copy of a batch is not changed by pop_front", "[frame]") {
  auto batch = batch_of({"one", "two"});
  const auto copy = batch;
  batch.pop_front();
  CHECK(copy.count() == 2);
  CHECK(payloads_of(copy) == std::vector<std::string>{"one", "two"});
}

TEST_CASE("frame: a moved-from batch is empty", "[frame]") {
  auto from = batch_of({"one", "two"});
  auto to = std::move(from);
  CHECK(from.empty());  // NOLINT(bugprone-use-after-move): the claim
  CHECK(payloads_of(from).empty());
  from = std::move(to);
  CHECK(to.empty());  // NOLINT(bugprone-use-after-move)
  CHECK(from.count() == 2);
  const auto image = std::move(from).image();
  CHECK(from.empty());  // NOLINT(bugprone-use-after-move)
  CHECK(image.size() == 14);
}

TEST_CASE("frame: a batch made of an image walks like the one that was written", "[frame]") {
  const auto written = batch_of({"one", "", "three"});
  const frames read{bytes{written.image().view()}, written.count()};
  CHECK(payloads_of(read) == payloads_of(written));
  auto it = begin(read);
  CHECK(*it++ == "one");
  CHECK((*it).empty());
  CHECK(++it != end(read));
  CHECK(++it == end(read));
}
