// SPDX-License-Identifier: BSD-2-Clause
// What every transport does alike: bytes and frames on one channel.
#include "tests/actors/site.hpp"

#include <boost/asio/use_future.hpp>

using namespace duplex;
using namespace duplex::test;

namespace {

/// What `drain` says of bytes that arrived whole.
void check_drained(channel& ch, const checksum& sent) {
  REQUIRE(ch.trailers());
  const auto about = *ch.meta();
  CHECK(about.status() == 0);
  CHECK(about.trailer("size") == std::to_string(sent.size()));
  CHECK(about.trailer("sum") == std::to_string(sent.sum()));
}

}  // namespace

BEHAVIOUR("100,000 small frames go both ways in order") {
  site s{over};
  auto ch = s.open("echo");
  constexpr int count = 100'000;
  std::thread writer{[&ch] {
    for (int i = 0; i < count; ++i)
      if (!ch.write_frame(std::to_string(i))) return;
    (void)ch.close_write();
  }};
  int next = 0;
  error end;
  while (!end) {
    auto batch = ch.read_frames();
    if (!batch) end = batch.error();
    while (batch && !batch->empty()) {
      if (batch->pop_front() != std::to_string(next)) break;
      ++next;
    }
  }
  writer.join();
  CHECK(next == count);
  CHECK(end.code() == errc::end_of_stream);
}

BEHAVIOUR("frames of every size stay whole, also those above the receive window") {
  const std::uint64_t window = GENERATE(50'000U, 1U << 20);
  site s{over, {.receive_window = window}};
  auto ch = s.open("echo");
  const std::vector<std::size_t> sizes{0, 1, 64, 0, 32'768, 70'000, (1 << 20) - 1, 1 << 20, 3'000'000, 0, 3};
  std::thread writer{[&] {
    for (const auto size : sizes)
      if (!ch.write_frame(pattern(size))) return;
    (void)ch.close_write();
  }};
  std::vector<std::size_t> whole;
  for (;;) {
    auto got = ch.read_frame();
    if (!got) break;
    if (*got == pattern(got->size())) whole.push_back(got->size());
  }
  writer.join();
  CHECK(whole == sizes);
}

BEHAVIOUR("the largest frame is the one that both sides take, either way") {
  const options small{.max_frame = 100'000}, large{.max_frame = 200'000};
  const bool mine = GENERATE(true, false);
  site s{over, mine ? large : small, mine ? small : large};
  auto ch = s.open("echo");
  CHECK(code_of(ch.write_frame(pattern(100'001))) == errc::frame_too_large);
  REQUIRE(ch.write_frame(pattern(100'000)));
  CHECK((ch.read_frame()->view() == pattern(100'000)));
  REQUIRE(ch.write_frame("and on"));
  CHECK(ch.read_frame()->view() == "and on");

  auto largest = s.open("source", {"count=1", "size=100000"});
  CHECK((largest.read_frame()->view() == pattern(100'000)));
  auto beyond = s.open("source", {"count=1", "size=100001"});
  CHECK(code_of(beyond.read_frame()) == errc::end_of_stream);
  REQUIRE(beyond.trailers());
  CHECK(beyond.meta()->status() == static_cast<std::uint32_t>(errc::frame_too_large));
}

BEHAVIOUR("20 MB of bytes go both ways at once") {
  site s{over};
  auto ch = s.open("echo-raw");
  constexpr std::size_t total = 20'000'000;
  const std::size_t piece = GENERATE(40'000U, 3'000'000U);
  std::thread writer{[&] {
    for (std::size_t at = 0; at < total; at += piece)
      if (!ch.write(pattern(std::min(piece, total - at), at))) return;
    (void)ch.close_write();
  }};
  const auto all = read_all(ch);
  writer.join();
  CHECK((all == pattern(total)));
}

BEHAVIOUR("what was written before the last handle went arrives, then the end") {
  site s{over};
  REQUIRE(s.me.serve("callback"));
  auto ch = s.open("back");
  auto far = *s.me.accept("callback");
  for (std::size_t i = 0; i < 300; ++i) REQUIRE(ch.write_frame(pattern(i * 37, i)));
  ch = {};
  for (std::size_t i = 0; i < 300; ++i) CHECK((far.read_frame()->view() == pattern(i * 37, i)));
  CHECK(code_of(far.read_frame()) == errc::end_of_stream);
}

BEHAVIOUR("bytes in pieces of any size arrive whole") {
  site s{over};
  auto ch = s.open("drain");
  checksum sent;
  for (std::size_t i = 0; i < 300; ++i) {
    const auto piece = pattern(i * 37, i);
    sent.add(piece);
    REQUIRE(ch.write(piece));
  }
  REQUIRE(ch.close_write());
  check_drained(ch, sent);
}

BEHAVIOUR("a reader that sleeps stops its writer within bounds and delays no other channel") {
  site s{over, {.receive_window = 200'000, .send_high_water = 100'000, .send_low_water = 50'000}};
  auto asleep = s.open("sleeper");
  auto ch = s.open("echo");
  std::atomic<std::uint64_t> written{0};
  constexpr std::uint64_t total = 400 * 20'000;
  checksum sent;
  for (int i = 0; i < 400; ++i) sent.add(pattern(20'000));
  std::thread writer{[&asleep, &written] {
    const auto chunk = pattern(20'000);
    while (written < total && asleep.write(chunk)) written += chunk.size();
    (void)asleep.close_write();
  }};
  const auto frame = pattern(10'000);
  int echoed = 0;
  for (; echoed < 1'000; ++echoed)
    if (!ch.write_frame(frame) || !ch.read_frame()) break;
  CHECK(echoed == 1'000);
  CHECK(written.load() < 3'000'000);
  const auto wakes = asleep.open("wake");
  CHECK(wakes);
  writer.join();
  CHECK(written.load() == total);
  check_drained(asleep, sent);
}

BEHAVIOUR("a writer over there is stopped by who does not read here") {
  site s{over, {.receive_window = 200'000, .send_high_water = 100'000, .send_low_water = 50'000}};
  const auto progress = [&s] { return std::stoull(std::string{s.open("progress").read_frame()->view()}); };
  (void)progress();
  auto slow = s.open("source", {"count=800", "size=10000", "raw=yes"});
  std::uint64_t sourced = 0;
  for (int i = 0; i < 100; ++i) sourced += progress();
  CHECK(sourced < 3'000'000);
  CHECK((read_all(slow) == pattern(8'000'000)));
}

BEHAVIOUR("half-close leaves the other direction open, whoever does it first") {
  site s{over};
  auto ch = s.open("answer");
  REQUIRE(ch.write(pattern(500'000)));
  REQUIRE(ch.close_write());
  CHECK(code_of(ch.write("more")) == errc::closed);
  CHECK((read_all(ch) == pattern(500'000)));

  auto other = s.open("early");
  CHECK(code_of(other.read()) == errc::end_of_stream);
  checksum sent;
  sent.add(pattern(500'000));
  REQUIRE(other.write(pattern(500'000)));
  REQUIRE(other.close_write());
  check_drained(other, sent);
}

BEHAVIOUR("a stream that ends within a frame is told from one that ends") {
  site s{over};
  auto ch = s.open("source", {"count=1", "size=3", "raw=yes"});
  CHECK(code_of(ch.read_frame()) == errc::truncated);
  auto whole = s.open("source", {"count=0", "size=0"});
  CHECK(code_of(whole.read_frame()) == errc::end_of_stream);
}

BEHAVIOUR("error frames travel beside the data, both ways") {
  site s{over};
  auto ch = s.open("errors");
  for (const std::size_t size : {0U, 5U, 100'000U, 1U}) {
    REQUIRE(ch.write_frame(pattern(size)));
    CHECK((ch.read_error()->view() == pattern(size)));
    CHECK((ch.read_frame()->view() == pattern(size)));
  }
  REQUIRE(ch.close_write());
  CHECK(code_of(ch.read_error()) == errc::end_of_stream);

  auto other = s.open("complaints");
  for (const std::size_t size : {5U, 100'000U, 0U}) {
    REQUIRE(other.write_error(pattern(size)));
    CHECK((other.read_frame()->view() == pattern(size)));
  }
  REQUIRE(other.close_write());
  CHECK(code_of(other.read_frame()) == errc::end_of_stream);
}

BEHAVIOUR("trailers are a list that keeps its order, and a status") {
  site s{over};
  const std::vector<std::string> list{"status=258", "", "a", "a", "reason=100%; so;", "tab\there"};
  auto ch = s.open("status", list);
  CHECK(*ch.trailers() == list);
  CHECK(ch.meta()->status() == 258);
  CHECK(ch.meta()->trailed);
  CHECK(code_of(ch.read()) == errc::end_of_stream);
  auto none = s.open("source", {"count=0"});
  CHECK(code_of(none.trailers()) == errc::closed);
  CHECK_FALSE(none.meta()->trailed);
  auto empty = s.open("status");
  REQUIRE(empty.trailers());
  CHECK(empty.meta()->trailed);
  CHECK(empty.meta()->status() == 0);
  auto large = s.open("hold");
  CHECK(code_of(large.write_trailers({std::string(33'000, 't')})) == errc::resource_exhausted);
  CHECK(code_of(large.write_trailers({std::string("\0", 1)})) == errc::invalid_argument);
  CHECK(large.write_trailers({std::string(30'000, 't')}));
}
