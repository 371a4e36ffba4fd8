// SPDX-License-Identifier: BSD-2-Clause
// On a channel's own worker frames pass it by calls while it rests. That must show in nothing but time.
#include "actors/channel_state.hpp"
#include "tests/actors/support.hpp"

#include <caf/event_based_actor.hpp>

#include <future>

using namespace duplex;
using namespace duplex::test;

namespace {

using boost::asio::awaitable;

// Runs `what` as a handler of `far`, on the worker of the channel that it gets, and gives the other end.
template <class Handler> channel served(pair& p, Handler what) {
  REQUIRE(p.hub.serve("test", std::move(what)));
  auto near = p.me.open("hub", "test");
  if (!near) FAIL(near.error().message());
  return *near;
}

// An actor on the channel's worker, as subscribers are, that runs `what` when a frame comes.
void write_when_told(pair& p, const channel_actor& to, void (*what)(caf::event_based_actor*, const channel_actor&)) {
  p.rt.system().spawn([to, what](caf::event_based_actor* self) -> caf::behavior {
    self->set_default_handler(caf::drop);
    self->monitor(to);
    self->set_down_handler([self](const caf::down_msg&) { self->quit(); });
    self->request(to, patience, subscribe_atom_v, caf::strong_actor_ptr{self->ctrl()}, delivery::frames).then([] {});
    return {[self, to, what](frames_atom, const frames&) { what(self, to); }};
  });
}

std::string framed(std::string_view text) { return std::string{make_frames(text).image().view()}; }

}  // namespace

TEST_CASE("at rest: bytes, frames and the end that an actor writes in one go keep their order", "[at-rest]") {
  pair p;
  auto [near, far] = p.open();
  write_when_told(p, near.release(), [](caf::event_based_actor* self, const channel_actor& to) {
    for (const auto* text : {"a", "b"}) {
      self->send(to, write_atom_v, make_frames(text), 0U);
      self->send(to, write_atom_v, bytes{text});
      self->send(to, write_atom_v, make_frames(text), 0U);
    }
    self->send(to, eof_atom_v);
  });
  REQUIRE(far.write_frame("go"));
  CHECK(read_all(far) == framed("a") + "a" + framed("a") + framed("b") + "b" + framed("b"));
}

TEST_CASE("at rest: bytes and frames that a handle writes in one go keep their order", "[at-rest]") {
  pair p;
  auto near = served(p, [](channel ch) -> awaitable<void> {
    const auto batch = make_frames("batch");
    for (const auto* text : {"a", "b"}) {
      co_await ch.async_write_frame(text);
      co_await ch.async_write(text);
      co_await ch.async_write_frames(batch);
      co_await ch.async_write(text);
    }
    co_await ch.async_close_write();
    co_await ch.async_trailers();
  });
  const auto each = [](std::string_view text) {
    return framed(text) + std::string{text} + framed("batch") + std::string{text};
  };
  CHECK(read_all(near) == each("a") + each("b"));
}

TEST_CASE("at rest: a frame over the limit ends the channel, also when an actor writes it", "[at-rest]") {
  pair p{options{.max_frame = 1000}};
  auto [near, far] = p.open();
  write_when_told(p, near.release(), [](caf::event_based_actor* self, const channel_actor& to) {
    self->send(to, write_atom_v, make_frames(std::string(1001, 'x')), 0U);
    self->send(to, write_atom_v, make_frames("late"), 0U);
  });
  REQUIRE(far.write_frame("go"));
  CHECK(far.read_frame().error().code() == errc::end_of_stream);
  REQUIRE(far.trailers());
  CHECK(far.meta()->status() == static_cast<std::uint32_t>(errc::frame_too_large));
}

TEST_CASE("at rest: the last handle may go with the operation that waited for a frame", "[at-rest]") {
  struct holding final : detail::completion<bytes> {
    void complete(result<bytes> what) override { got.set_value(std::string{what->view()}); }
    channel last;
    std::promise<std::string> got;
  };
  pair p;
  auto [near, far] = p.open();
  auto reading = std::make_unique<holding>();
  auto waiting = reading->got.get_future();
  reading->last = std::exchange(near, {});
  const auto port = reading->last.state()->port;
  port->read_frame(std::move(reading));
  REQUIRE(far.write_frame("x"));
  REQUIRE(waiting.wait_for(patience) == std::future_status::ready);
  CHECK(waiting.get() == "x");
  CHECK(far.read_frame().error().code() == errc::end_of_stream);
}

TEST_CASE("at rest: readers of one channel get the frames in the order in which they began to wait", "[at-rest]") {
  seen<std::string> log;
  pair p;
  auto near = served(p, [&log](channel ch) -> awaitable<void> {
    const auto note = [&log](const std::string& name) {
      return [&log, name](const result<bytes>& got) {
        log.add(name + ' ' + std::string{got ? got->view() : to_string(got.error().code())});
      };
    };
    ch.async_read_frame([&log, ch, note](const result<bytes>& got) mutable {
      log.add("first " + std::string{got->view()});
      ch.async_read_frame(note("late"));
    });
    for (const auto* name : {"second", "third"}) ch.async_read_frame(note(name));
    co_await ch.async_write_frame("ready");
    co_await ch.async_trailers();
  });
  CHECK(near.read_frame()->view() == "ready");
  frame_writer together;
  for (const auto* text : {"a", "b", "c"}) together.put(text);
  REQUIRE(near.write_frames(together.take()));
  CHECK(log.wait_for(3) == std::vector<std::string>{"first a", "second b", "third c"});
  REQUIRE(near.close_write());
  CHECK(log.wait_for(4)[3] == "late end of stream");
}

TEST_CASE("at rest: a bad length is heard by who waits, and by the remote side", "[at-rest]") {
  std::promise<errc> heard;
  pair p;
  auto near = served(p, [&heard](channel ch) -> awaitable<void> {
    co_await ch.async_write_frame("ready");
    auto reading = ch.async_read_frame();
    const auto frame = co_await std::move(reading);
    heard.set_value(frame.error().code());
  });
  CHECK(near.read_frame()->view() == "ready");
  REQUIRE(near.write("\xff\xff\xff\xff"));
  auto waiting = heard.get_future();
  REQUIRE(waiting.wait_for(patience) == std::future_status::ready);
  CHECK(waiting.get() == errc::frame_too_large);
  REQUIRE(near.trailers());
  CHECK(near.meta()->status() == static_cast<std::uint32_t>(errc::frame_too_large));
}

TEST_CASE("at rest: a reader that is slower than its writer bounds what waits, and loses nothing", "[at-rest]") {
  constexpr int count = 20'000;
  std::promise<int> counted;
  pair p{options{.receive_window = 64'000}};
  auto near = served(p, [&counted](channel ch) -> awaitable<void> {
    int next = 0;
    for (;;) {
      auto frame = co_await ch.async_read_frame();
      if (!frame || *frame != std::to_string(next)) break;
      ++next;
      if (next % 100 == 0)
        co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
    }
    counted.set_value(next);
  });
  for (int i = 0; i < count; ++i) REQUIRE(near.write_frame(std::to_string(i)));
  REQUIRE(near.close_write());
  auto waiting = counted.get_future();
  REQUIRE(waiting.wait_for(patience) == std::future_status::ready);
  CHECK(waiting.get() == count);
}

TEST_CASE("at rest: bytes that are left of a frame are kept while frames are read", "[at-rest]") {
  pair p;
  auto [near, far] = p.open();
  const auto send = [&far = far](std::string_view one, std::string_view other) {
    frame_writer both;
    both.put(one);
    both.put(other);
    REQUIRE(far.write_frames(both.take()));
  };
  send("one", "two");
  CHECK(near.read_frame()->view() == "one");
  CHECK(near.read(2)->view() == framed("two").substr(0, 2));
  send("three", "four");
  CHECK(near.read_frame()->view() == "three");
  REQUIRE(far.close_write());
  CHECK(read_all(near) == framed("two").substr(2) + framed("four"));
}

namespace {

// An actor of the application's that speaks as channels do.
channel_actor other_channel(runtime& rt, seen<std::string>& log) {
  const auto made = rt.system().spawn([&log](caf::event_based_actor* self) -> caf::behavior {
    return {[](frames_atom, std::uint32_t) { return make_frames("a frame"); },
            [&log](write_atom, frames& batch, std::uint32_t) { log.add(std::string{batch.pop_front().view()}); },
            [self](close_atom) { self->quit(); }};
  });
  return caf::actor_cast<channel_actor>(caf::actor_cast<caf::strong_actor_ptr>(made));
}

struct told final : detail::completion<bytes> {
  explicit told(seen<std::string>& into) : log(into) {}
  void complete(result<bytes> what) override { log.add(std::string{what->view()}); }
  seen<std::string>& log;
};

}  // namespace

TEST_CASE("at rest: a handle reads and writes where an actor of the application's stands for the channel",
          "[at-rest]") {
  seen<std::string> log;
  runtime rt;
  channel ch{rt.system(), other_channel(rt, log)};
  CHECK(ch.read_frame()->view() == "a frame");
  REQUIRE(ch.write_frame("written"));
  CHECK(log.wait_for(1) == std::vector<std::string>{"written"});
}

TEST_CASE("at rest: a frame that has come is given to who waits, though the runtime stops first", "[at-rest]") {
  seen<std::string> log;
  boost::asio::io_context never_run;
  runtime rt{never_run};
  const channel ch{rt.system(), other_channel(rt, log)};
  auto& port = *ch.state()->port;
  port.read_frame(std::make_unique<told>(log));
  port.arrived(make_frames("in time"));
  CHECK(log.wait_for(0).empty());
  port.dropped();
  CHECK(log.wait_for(1) == std::vector<std::string>{"in time"});
}
