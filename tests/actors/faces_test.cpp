// SPDX-License-Identifier: BSD-2-Clause
// Each operation has three faces: a message, a blocking call, an async_ call.
#include "tests/actors/support.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

using namespace duplex;
using namespace duplex::test;

namespace {

// g++ 12 gets a co_await within Catch's macros wrong: it runs twice.
void ok(const auto& outcome) { CHECK(outcome.error().message() == "no error"); }

// Runs a coroutine on this thread to its end.
void run(boost::asio::awaitable<void> what) {
  static boost::asio::io_context io;  // outlives the runtimes, whose threads post to it
  io.restart();
  std::exception_ptr thrown;
  boost::asio::co_spawn(io, std::move(what), [&](std::exception_ptr e) { thrown = e; });
  io.run_for(patience);
  if (thrown) std::rethrow_exception(thrown);
  REQUIRE(io.stopped());
}

}  // namespace

TEST_CASE("faces: every operation of a channel works as async_ with a coroutine", "[faces]") {
  pair p;
  auto [near, far] = p.open();
  run([](channel a, channel b) -> boost::asio::awaitable<void> {
    const std::vector<std::string> last{"status=4"};
    const auto batch = make_frames("batch");
    ok(co_await a.async_write(std::string_view{"\0\0\0\1x", 5}));
    ok(co_await a.async_write_frame("one"));
    ok(co_await a.async_write_frames(batch));
    ok(co_await a.async_write_error("bad"));
    ok(co_await a.async_flush());
    auto f = co_await b.async_read_frame();
    CHECK(f->view() == "x");
    f = co_await b.async_read_frame();
    CHECK(f->view() == "one");
    auto all = co_await b.async_read_frames();
    CHECK(all->pop_front() == "batch");
    f = co_await b.async_read_error();
    CHECK(f->view() == "bad");
    ok(co_await a.async_write("raw"));
    f = co_await b.async_read(10);
    CHECK(f->view() == "raw");
    auto child = co_await a.async_open("child", last);
    auto taken = co_await b.async_accept();
    auto about_it = co_await taken->async_meta();
    CHECK(about_it->headers == last);
    auto about = co_await b.async_meta();
    CHECK(about->service == "test");
    ok(co_await a.async_close_write());
    f = co_await b.async_read_frame();
    CHECK(f.error().code() == errc::end_of_stream);
    ok(co_await b.async_write_trailers(last));
    auto said = co_await a.async_trailers();
    CHECK(*said == last);
    ok(co_await b.async_close());
    f = co_await a.async_read_frame();
    CHECK(f.error().code() == errc::end_of_stream);
  }(near, far));
}

TEST_CASE("faces: every operation of a peer works as async_ with a coroutine", "[faces]") {
  runtime rt;
  auto hub = rt.spawn_peer(with_keys({.name = "hub"}));
  auto me = rt.spawn_peer(with_keys({.name = "me"}));
  run([](peer hub, peer me) -> boost::asio::awaitable<void> {
    const std::function<void(channel)> handler = [](channel) {};
    const std::vector<std::string> headers{"a=b"};
    auto at = co_await hub.async_bind("tcp://127.0.0.1:0");
    CHECK(at);
    const auto where = at->str();
    ok(co_await hub.async_serve("handled", handler));
    auto up = co_await me.async_connect(where);
    CHECK(up->name == "hub");
    auto list = co_await me.async_peers();
    CHECK(list->size() == 1);
    auto sessions = co_await me.async_sessions();
    CHECK(sessions->size() == 1);
    auto self = co_await me.async_self();
    CHECK(self->name == "me");
    auto next = co_await me.async_next_peer();
    CHECK(*next == "hub");
    auto report = co_await me.async_ping("hub");
    CHECK(report->round_trip.count() > 0);
    auto handled = co_await me.async_open("hub", "handled");
    CHECK(handled);
    ok(co_await hub.async_serve("kept", nullptr));
    auto opened = co_await me.async_open("hub", "kept", headers);
    CHECK(opened);
    auto accepted = co_await hub.async_accept("kept");
    CHECK(accepted);
    ok(co_await me.async_set_option("max_frame", "1M"));
    auto value = co_await me.async_get_option("max_frame");
    CHECK(*value == "1048576");
    ok(co_await me.async_drop("hub", "enough"));
    ok(co_await me.async_disconnect(where));
    ok(co_await hub.async_unbind(where));
    ok(co_await me.async_shutdown());
  }(hub, me));
}

TEST_CASE("faces: async_serve takes a coroutine, with any token", "[faces]") {
  pair p;
  const auto greet = [](const std::string& word) {
    return [word](channel ch) -> boost::asio::awaitable<void> { (void)co_await ch.async_write_frame(word); };
  };
  run([](peer hub, decltype(greet("")) one) -> boost::asio::awaitable<void> {
    auto serving = hub.async_serve("one", one);
    ok(co_await std::move(serving));
  }(p.hub, greet("first")));
  seen<bool> served;
  p.hub.async_serve("two", greet("second"), [&](const result<void>& r) { served.add(r.has_value()); });
  REQUIRE(served.wait_for(1) == std::vector{true});
  CHECK(p.me.open("hub", "one")->read_frame()->view() == "first");
  CHECK(p.me.open("hub", "two")->read_frame()->view() == "second");
}

TEST_CASE("faces: any completion token will do", "[faces]") {
  seen<std::string> called;
  pair p;
  auto [near, far] = p.open();
  auto later = far.async_read_frame(boost::asio::use_future);
  near.async_write_frame("one", [&](const result<void>& r) { called.add(r ? "written" : r.error().message()); });
  CHECK(called.wait_for(1).back() == "written");
  REQUIRE(later.wait_for(patience) == std::future_status::ready);
  CHECK(later.get()->view() == "one");
  far.async_read_frame([&](result<bytes> f) { called.add(f->str()); });
  REQUIRE(near.write_frame("two"));
  CHECK(called.wait_for(2).back() == "two");
}

TEST_CASE("faces: blocking on a worker is an error, not a deadlock", "[faces]") {
  seen<error> got;
  pair p;
  REQUIRE(p.hub.serve("s", [&](channel ch) { got.add(ch.read_frame().error()); }));
  auto ch = p.me.open("hub", "s");
  REQUIRE(ch);
  CHECK(got.wait_for(1).at(0).code() == errc::would_deadlock);
}

TEST_CASE("faces: blocking in a handler on the application's io_context is an error, too", "[faces]") {
  boost::asio::io_context io;
  runtime rt{io};
  auto hub = rt.spawn_peer(with_keys({.name = "hub"}));
  std::vector<errc> got;
  boost::asio::post(io, [&] { got.push_back(hub.serve("s").error().code()); });
  boost::asio::co_spawn(
      io,
      [&]() -> boost::asio::awaitable<void> {
        const auto served = co_await hub.async_serve("t", std::function<void(channel)>{[](channel) {}});
        got.push_back(served.error().code());
        got.push_back(hub.bind("tcp://127.0.0.1:0").error().code());
        io.stop();
      },
      boost::asio::detached);
  io.run_for(patience);
  CHECK(got == std::vector{errc::would_deadlock, errc::none, errc::would_deadlock});
}

TEST_CASE("faces: what a blocking call need not wait for is allowed on a worker", "[faces]") {
  pair p;
  REQUIRE(p.hub.serve("s", [](channel ch) { (void)ch.write_frame("at once"); }));
  auto ch = p.me.open("hub", "s");
  REQUIRE(ch);
  CHECK(ch->read_frame()->view() == "at once");
}

TEST_CASE("faces: a handler that throws ends its channel with the text, not the process", "[faces]") {
  pair p;
  if (GENERATE(true, false))
    REQUIRE(p.hub.serve("s", [](channel) -> boost::asio::awaitable<void> {
      throw std::runtime_error("no luck");
      co_return;
    }));
  else
    REQUIRE(p.hub.serve("s", [](channel) { throw std::runtime_error("no luck"); }));
  for (int i = 0; i < 2; ++i) {  // and not the service
    auto ch = p.me.open("hub", "s");
    REQUIRE(ch);
    auto said = ch->trailers();
    REQUIRE(said);
    CHECK(said->at(0) == "status=1");
    CHECK(said->at(1).find("no luck") != std::string::npos);
  }
}

// Each row names an operation once: a line that does not compile is a face that is missing.
TEST_CASE("faces: no operation lacks a face", "[faces]") {
  channel c;
  peer p;
  const std::vector<std::string> list;
  const frames batch;
  const std::function<void(channel)> handler = [](channel) {};
  const auto token = [](const auto&) {};
  int faces = 0;
  const auto both = [&](const auto& blocking, auto&& async) {
    CHECK(blocking.error().code() == errc::closed);
    async();
    ++faces;
  };
  both(c.read(), [&] { c.async_read(1, token); });
  both(c.read_frame(), [&] { c.async_read_frame(token); });
  both(c.read_frames(), [&] { c.async_read_frames(token); });
  both(c.read_error(), [&] { c.async_read_error(token); });
  both(c.write(""), [&] { c.async_write("", token); });
  both(c.write_frame(""), [&] { c.async_write_frame("", token); });
  both(c.write_frames(batch), [&] { c.async_write_frames(batch, token); });
  both(c.write_error(""), [&] { c.async_write_error("", token); });
  both(c.flush(), [&] { c.async_flush(token); });
  both(c.close_write(), [&] { c.async_close_write(token); });
  both(c.write_trailers(list), [&] { c.async_write_trailers(list, token); });
  both(c.trailers(), [&] { c.async_trailers(token); });
  both(c.close(), [&] { c.async_close(token); });
  both(c.join(c), [&] { c.async_join(c, token); });
  both(c.join(0), [&] { c.async_join(0, token); });
  both(c.join(0, 1), [&] { c.async_join(0, 1, token); });
  both(c.send(c), [&] { c.async_send(c, token); });
  both(c.open(""), [&] { c.async_open("", list, token); });
  both(c.accept(), [&] { c.async_accept(token); });
  both(c.meta(), [&] { c.async_meta(token); });
  CHECK(faces == 20);
  both(p.bind(""), [&] { p.async_bind("", token); });
  both(p.unbind(""), [&] { p.async_unbind("", token); });
  both(p.connect(""), [&] { p.async_connect("", token); });
  both(p.disconnect(""), [&] { p.async_disconnect("", token); });
  both(p.peers(), [&] { p.async_peers(token); });
  both(p.sessions(), [&] { p.async_sessions(token); });
  both(p.self(), [&] { p.async_self(token); });
  both(p.drop(""), [&] { p.async_drop("", "", token); });
  both(p.next_peer(), [&] { p.async_next_peer(token); });
  both(p.serve("", handler), [&] { p.async_serve("", handler, token); });
  both(p.serve("", caf::actor{}), [&] { p.async_serve("", caf::actor{}, token); });
  both(p.serve(""), [&] { p.async_serve("", nullptr, token); });
  both(p.accept(), [&] { p.async_accept("", token); });
  both(p.open("", ""), [&] { p.async_open("", "", list, token); });
  both(p.ping(), [&] { p.async_ping("", token); });
  both(p.set_option("", ""), [&] { p.async_set_option("", "", token); });
  both(p.get_option(""), [&] { p.async_get_option("", token); });
  both(p.shutdown(), [&] { p.async_shutdown(token); });
  CHECK(faces == 38);
}
