// SPDX-License-Identifier: BSD-2-Clause
// Asio's cancellation of the async_ operations: the wait ends, and nothing is lost by it.
#include "tests/actors/support.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

using namespace duplex;
using namespace duplex::test;
namespace asio = boost::asio;

namespace {

asio::io_context io{1};  // outlives the runtimes, whose threads post to it

// One operation that may be cancelled.
template <class T> class waiting {
 public:
  auto token() {
    return asio::bind_cancellation_slot(
        stop_.slot(), asio::bind_executor(io, [this](result<T> outcome) { outcome_ = std::move(outcome); }));
  }
  void cancel() { stop_.emit(asio::cancellation_type::all); }
  const result<T>& outcome() {
    io.restart();
    for (const auto end = std::chrono::steady_clock::now() + patience; !outcome_;) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      io.run_one_for(patience);
    }
    return *outcome_;
  }
  bool is_cancelled() {
    cancel();
    return outcome().error().code() == errc::cancelled;
  }
  bool is_done() {
    io.restart();
    io.poll();
    return outcome_.has_value();
  }

 private:
  asio::cancellation_signal stop_;
  std::optional<result<T>> outcome_;
};

const auto transports = {"tcp://127.0.0.1:0", "inproc://hub"};

}  // namespace

TEST_CASE("cancel: a read that is cancelled takes nothing", "[cancel]") {
  const std::string where = GENERATE(values<const char*>(transports));
  pair p{where};
  auto [near, far] = p.open();
  for (const auto* word : {"one", "two", "three"}) {
    waiting<bytes> frame, data;
    waiting<frames> batch;
    near.async_read_frame(frame.token());
    near.async_read_frames(batch.token());
    near.async_read(9, data.token());
    REQUIRE(near.meta());  // the first request has reached the channel
    CHECK(data.is_cancelled());
    CHECK(frame.is_cancelled());
    CHECK(batch.is_cancelled());
    REQUIRE(far.write_frame(word));
    CHECK(near.read_frame()->view() == word);
  }
  waiting<bytes> none;
  near.async_read_error(none.token());
  REQUIRE(near.meta());
  CHECK(none.is_cancelled());
  REQUIRE(far.write_error("bad"));
  CHECK(near.read_error()->view() == "bad");
}

TEST_CASE("cancel: bytes that a cancelled read had asked for are for the next one, with their credit", "[cancel]") {
  const std::string where = GENERATE(values<const char*>(transports));
  pair p{where, {.receive_window = 65'536}};
  auto [near, far] = p.open();
  std::size_t got = 0;
  for (int round = 0; round < 20; ++round) {  // many windows
    waiting<bytes> data;
    near.async_read(65'536, data.token());
    REQUIRE(near.meta());
    CHECK(data.is_cancelled());
    error not_written;
    std::thread writer{[&, &far = far] { not_written = far.write(pattern(20'000)).error(); }};
    std::string all;
    while (all.size() < 20'000) {
      const auto part = near.read(7'000);
      REQUIRE(part);
      CHECK(part->size() <= 7'000);
      all += part->view();
    }
    writer.join();
    CHECK_FALSE(not_written);
    CHECK(all == pattern(20'000));
    got += all.size();
  }
  CHECK(got == 400'000);
}

TEST_CASE("cancel: those who wait behind are served in their order", "[cancel]") {
  pair p;
  auto [near, far] = p.open();
  waiting<bytes> first, second, third;
  near.async_read_frame(first.token());
  near.async_read_frame(second.token());
  near.async_read_frame(third.token());
  CHECK(second.is_cancelled());
  REQUIRE(far.write_frame("a"));
  REQUIRE(far.write_frame("b"));
  CHECK(first.outcome()->view() == "a");
  CHECK(third.outcome()->view() == "b");
}

TEST_CASE("cancel: bytes that are there are read though a cancelled read of frames is under way", "[cancel]") {
  pair p;
  auto [near, far] = p.open();
  frame_writer both;
  both.put("one");
  both.put("four");
  REQUIRE(far.write_frames(both.take()));
  CHECK(near.read_frame()->view() == "one");
  CHECK(near.read(3)->size() == 3);  // takes the other frame apart
  waiting<bytes> frame;
  near.async_read_frame(frame.token());
  CHECK(near.read(2)->view() == std::string_view{"\4f", 2});  // though that one waits
  CHECK(frame.is_cancelled());
  CHECK(near.read(100)->view() == "our");
}

TEST_CASE("cancel: bytes are not held up by a frame that somebody let go of", "[cancel]") {
  pair p;
  auto [near, far] = p.open();
  waiting<bytes> first, frame, second;
  near.async_read(5, first.token());
  REQUIRE(near.meta());
  near.async_read_frame(frame.token());
  near.async_read(100, second.token());
  CHECK(first.is_cancelled());
  CHECK(frame.is_cancelled());
  REQUIRE(far.write("bytes"));
  CHECK(second.outcome()->view() == "bytes");
}

TEST_CASE("cancel: readers that share a handle lose nothing to each other", "[cancel]") {
  pair p;
  auto [near, far] = p.open();
  constexpr std::size_t count = 30'000;
  std::atomic<std::size_t> seen{0}, ended{0};
  for (int i = 0; i < 3; ++i)
    asio::co_spawn(
        detail::executor_of(near),
        [&, ch = near]() mutable -> asio::awaitable<void> {
          while (auto one = co_await ch.async_read_frame()) ++seen;
          ++ended;
        },
        [](const std::exception_ptr&) {});
  for (std::size_t i = 0; i < count; ++i) {
    REQUIRE(far.write_frame("x"));
    if (i % 7 == 0) REQUIRE(far.flush());
  }
  REQUIRE(far.close_write());
  CHECK(eventually([&] { return ended == 3; }));
  CHECK(seen == count);
}

TEST_CASE("cancel: all who accept count, however short the queue", "[cancel]") {
  pair p{options{.accept_queue = 0}, {}};
  std::vector<std::unique_ptr<waiting<channel>>> all;
  for (int i = 0; i < 10; ++i) {
    all.push_back(std::make_unique<waiting<channel>>());
    p.hub.async_accept("many", all.back()->token());
  }
  REQUIRE(p.hub.peers());
  std::vector<channel> opened;
  std::vector<std::thread> openers;
  std::mutex mutex;
  for (int i = 0; i < 10; ++i)
    openers.emplace_back([&] {
      auto one = p.me.open("hub", "many");
      std::lock_guard lock{mutex};
      if (one) opened.push_back(*one);
    });
  for (auto& one : openers) one.join();
  CHECK(opened.size() == 10);
  for (auto& one : all) CHECK(one->outcome());
}

TEST_CASE("cancel: too late it changes nothing", "[cancel]") {
  pair p;
  auto [near, far] = p.open();
  waiting<bytes> read;
  near.async_read_frame(read.token());
  REQUIRE(far.write_frame("here"));
  CHECK(eventually([&] { return read.is_done(); }));
  read.cancel();
  CHECK(read.outcome()->view() == "here");
  waiting<bytes> after;
  near.async_read_frame(after.token());
  REQUIRE(near.close());
  CHECK(after.outcome().error().code() == errc::closed);
  after.cancel();
}

TEST_CASE("cancel: a write that had to wait is not written", "[cancel]") {
  pair p{"tcp://127.0.0.1:0",
         {.max_frame = 1'000'000, .receive_window = 65'536, .send_high_water = 65'536, .send_low_water = 32'768}};
  auto [near, far] = p.open();
  std::vector<std::unique_ptr<waiting<void>>> all;
  std::size_t passed = 0;
  while (all.size() == passed) {  // until one waits
    all.push_back(std::make_unique<waiting<void>>());
    near.async_write_frame("kept " + pattern(10'000), all.back()->token());
    REQUIRE(near.meta());
    if (all.back()->is_done()) ++passed;
    REQUIRE(passed < 1'000);
  }
  waiting<void> dropped, behind;
  near.async_write_frame("dropped", dropped.token());
  near.async_write_frame("last", behind.token());
  CHECK(dropped.is_cancelled());
  waiting<void> nothing, too_large;
  near.async_write_frames(frames{}, nothing.token());
  CHECK(nothing.outcome());  // and no empty frame
  near.async_write_frame(std::string(2'000'000, 'x'), too_large.token());
  CHECK(too_large.outcome().error().code() == errc::frame_too_large);
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(far.read_frame()->view().starts_with("kept "));
  CHECK(far.read_frame()->view() == "last");
  CHECK(all.back()->outcome());
  CHECK(behind.outcome());
}

TEST_CASE("cancel: a channel that comes after a cancelled accept is for the next one", "[cancel]") {
  pair p;
  auto [near, far] = p.open();
  for (const auto* name : {"x", "y"}) {
    waiting<channel> accepting, child;
    p.hub.async_accept("late", accepting.token());
    far.async_accept(child.token());
    REQUIRE(far.meta());
    REQUIRE(p.hub.peers());  // both requests have been heard
    CHECK(accepting.is_cancelled());
    CHECK(child.is_cancelled());
    auto opened = p.me.open("hub", "late", {name});
    REQUIRE(opened);
    auto inner = near.open(name);
    REQUIRE(inner);
    auto taken = p.hub.accept("late");
    REQUIRE(taken);
    CHECK(taken->meta()->headers == std::vector<std::string>{name});
    auto taken_inner = far.accept();
    REQUIRE(taken_inner);
    CHECK(taken_inner->meta()->service == name);
    REQUIRE(opened->write_frame("still open"));
    CHECK(taken->read_frame()->view() == "still open");
    REQUIRE(inner->write_frame("and this"));
    CHECK(taken_inner->read_frame()->view() == "and this");
  }
}

TEST_CASE("cancel: many who accept get one channel each, whoever lets go", "[cancel]") {
  pair p;
  std::vector<std::unique_ptr<waiting<channel>>> all;
  for (int i = 0; i < 10; ++i) {
    all.push_back(std::make_unique<waiting<channel>>());
    p.hub.async_accept("many", all.back()->token());
  }
  REQUIRE(p.hub.peers());
  for (int i = 0; i < 10; i += 2) CHECK(all[i]->is_cancelled());
  std::vector<channel> opened;
  for (int i = 0; i < 5; ++i) opened.push_back(*p.me.open("hub", "many", {std::to_string(i)}));
  for (int i = 1; i < 10; i += 2)
    CHECK(all[i]->outcome()->meta()->headers == std::vector<std::string>{std::to_string(i / 2)});
}

TEST_CASE("cancel: those who accept hear that the peer is gone", "[cancel]") {
  auto p = std::make_unique<pair>();
  waiting<channel> one, two, three;
  p->hub.async_accept("s", one.token());
  p->hub.async_accept("s", two.token());
  p->hub.async_accept("s", three.token());
  CHECK(two.is_cancelled());
  p = nullptr;
  CHECK(one.outcome().error().code() == errc::closed);
  CHECK(three.outcome().error().code() == errc::closed);
}

TEST_CASE("cancel: what waits for others ends", "[cancel]") {
  pair p;
  auto [near, far] = p.open();
  waiting<std::vector<std::string>> trailers;
  near.async_trailers(trailers.token());
  CHECK(trailers.is_cancelled());
  waiting<void> joined;
  auto [a, b] = p.open();
  a.async_join(near, joined.token());
  CHECK(joined.is_cancelled());
  REQUIRE(b.write_frame("joined all the same"));
  CHECK(far.read_frame()->view() == "joined all the same");
  waiting<channel> empty;
  peer{}.async_accept("s", empty.token());
  CHECK(empty.outcome().error().code() == errc::closed);
}

TEST_CASE("cancel: `||` gives up a read for a timer, and the next read has what came", "[cancel]") {
  pair p;
  auto [near, far] = p.open();
  int rounds = 0;
  std::exception_ptr thrown;
  asio::co_spawn(
      io,
      [&, &near = near, &far = far]() -> asio::awaitable<void> {
        using namespace asio::experimental::awaitable_operators;
        for (; rounds < 5; ++rounds) {
          asio::steady_timer timer{io, 5ms};
          auto either = near.async_read_frame() || timer.async_wait(asio::use_awaitable);
          const auto first = co_await std::move(either);
          CHECK(first.index() == 1);
          const auto word = std::to_string(rounds);
          if (!co_await far.async_write_frame(word)) co_return;
          asio::steady_timer long_one{io, patience};
          auto other = near.async_read_frame() || long_one.async_wait(asio::use_awaitable);
          const auto second = co_await std::move(other);
          if (second.index() != 0) co_return;
          const auto& frame = std::get<0>(second);
          CHECK(frame->view() == word);
        }
      },
      [&](std::exception_ptr e) { thrown = std::move(e); });
  io.restart();
  io.run_for(patience);
  if (thrown) std::rethrow_exception(thrown);
  CHECK(rounds == 5);
}
