// SPDX-License-Identifier: BSD-2-Clause
// inproc: what tcp does, within the process, between peers of one runtime and of two.
#include "tests/actors/support.hpp"

using namespace duplex;
using namespace duplex::test;

namespace {

constexpr std::string_view where = "inproc://hub";

// The hub in a runtime of its own, me in another.
struct apart {
  explicit apart(options settings = {}, std::size_t workers = 2)
      : there(std::make_unique<runtime>(runtime_options{workers, {}})), here(runtime_options{workers, {}}) {
    settings.name = "hub";
    hub = there->spawn_peer(with_keys(settings));
    settings.name = "me";
    me = here.spawn_peer(with_keys(settings));
    REQUIRE(hub.bind(where));
    if (auto up = me.connect(where); !up) FAIL(up.error().message());
  }
  std::pair<channel, channel> open() {
    (void)hub.serve("s");
    auto near = me.open("hub", "s");
    if (!near) FAIL(near.error().message());
    return {*near, *hub.accept("s")};
  }

  std::unique_ptr<runtime> there;
  runtime here;
  peer hub, me;
};

}  // namespace

TEST_CASE("inproc: both sides know each other's name, key and address", "[inproc]") {
  runtime rt;
  const auto other = key::generate();
  auto hub = rt.spawn_peer(with_keys({.name = "hub"}));
  auto me = rt.spawn_peer({.name = "me", .identity = other.text()});  // listed nowhere
  const auto at = hub.bind(where);
  REQUIRE(at);
  CHECK(at->str() == where);
  const auto up = me.connect(where);
  if (!up) FAIL(up.error().message());
  CHECK(up->name == "hub");
  CHECK(up->fingerprint == test_key().fingerprint());
  CHECK(up->address == where);
  REQUIRE(hub.peers()->size() == 1);
  CHECK(hub.peers()->front().name == "me");
  CHECK(hub.peers()->front().fingerprint == other.fingerprint());
  REQUIRE(hub.serve("s"));
  auto near = *me.open("hub", "s", {"a=1", "a=2"});
  auto far = *hub.accept("s");
  const auto about = *far.meta();
  CHECK(about.headers == std::vector<std::string>{"a=1", "a=2"});
  CHECK(about.remote_peer == "me");
  CHECK(about.remote_key == other.fingerprint());
  CHECK(about.remote_address == where);
  CHECK_FALSE(about.stock);
  CHECK(near.meta()->remote_key == test_key().fingerprint());
  CHECK(me.ping("hub"));
  CHECK(hub.ping("me"));
}

TEST_CASE("inproc: either side opens; half-close, error frames and trailers arrive", "[inproc]") {
  const auto workers = GENERATE(1U, 2U);
  pair p{where, {}, workers};
  auto [near, far] = p.open();
  REQUIRE(near.write_frame("data"));
  REQUIRE(near.write_error("oops"));
  REQUIRE(near.close_write());
  CHECK(far.read_frame()->view() == "data");
  CHECK(far.read_error()->view() == "oops");
  CHECK(far.read_frame().error().code() == errc::end_of_stream);
  REQUIRE(far.write_frame("still"));
  REQUIRE(far.write_trailers({"status=3", "why=so"}));
  CHECK(near.read_frame()->view() == "still");
  CHECK(near.trailers()->at(1) == "why=so");
  REQUIRE(near.close());
  REQUIRE(far.close());
  REQUIRE(p.me.serve("back"));
  auto back = p.hub.open("me", "back");
  REQUIRE(back);
  REQUIRE(p.me.accept("back")->write("x"));
  CHECK(back->read()->view() == "x");
}

TEST_CASE("inproc: refusals have tcp's codes and texts", "[inproc]") {
  const std::string at{GENERATE(where, pair::loopback)};  // the same claims of both
  pair p{at, options{.max_open_record = 1000, .accept_queue = 2}, {}};
  const auto why = p.me.open("hub", "nothing").error();
  CHECK(why.code() == errc::unknown_service);
  CHECK(why.context() == "open 'nothing': 'nothing' is not served here");
  CHECK(p.me.open("hub", "@duplex").error().code() == errc::refused);
  CHECK(p.me.open("hub", "no good name").error().code() == errc::invalid_argument);
  REQUIRE(p.hub.serve("s"));
  const auto large = p.me.open("hub", "s", {std::string(990, 'h')}).error();
  CHECK(large.code() == errc::resource_exhausted);
  CHECK(large.context().find("over the limit of 1000 (option max_open_record)") != std::string::npos);
  std::vector<channel> waiting;
  for (int i = 0; i < 2; ++i) waiting.push_back(*p.me.open("hub", "s"));
  const auto full = p.me.open("hub", "s").error();
  CHECK(full.code() == errc::resource_exhausted);
  CHECK(full.context() == "open 's': 2 channels wait to be accepted (option accept_queue)");
}

TEST_CASE("inproc: each side's max_channels holds, and what is closed counts no more", "[inproc]") {
  const bool mine = GENERATE(true, false);
  options few{.max_channels = 3};
  pair p{where, mine ? options{} : few, mine ? few : options{}};
  REQUIRE(p.hub.serve("s"));
  std::vector<channel> held;
  for (int i = 0; i < 3; ++i) held.push_back(*p.me.open("hub", "s"));
  const auto why = p.me.open("hub", "s").error();
  CHECK(why.code() == (mine ? errc::resource_exhausted : errc::refused));
  held.clear();
  while (auto ch = p.hub.accept("s")) {
    REQUIRE(ch->close());
    if (p.me.open("hub", "s")) break;
  }
  CHECK(eventually([&] { return p.me.open("hub", "s").has_value(); }));
}

TEST_CASE("inproc: the other side's max_frame is known", "[inproc]") {
  pair p{where, options{.max_frame = 1000}, options{}};
  auto [near, far] = p.open();
  CHECK(near.write_frame(pattern(1001)).error().code() == errc::frame_too_large);
  REQUIRE(near.write_frame(pattern(1000)));
  CHECK(far.read_frame()->size() == 1000);
}

TEST_CASE("inproc: large transfers both ways at once are whole", "[inproc]") {
  apart p;
  auto [near, far] = p.open();
  const auto total = GENERATE(std::size_t{1} << 20, std::size_t{20} << 20);
  const auto piece = GENERATE(std::size_t{1000}, std::size_t{60'000}, std::size_t{3'000'000});
  const auto send = [&](channel& by) {
    for (std::size_t at = 0; at < total; at += piece) (void)by.write(pattern(std::min(piece, total - at), at));
    (void)by.close_write();
  };
  std::string one, other;
  std::thread a{[&, &by = near] { send(by); }}, b{[&, &by = far] { send(by); }};
  std::thread c{[&, &from = near] { one = read_all(from); }};
  other = read_all(far);
  for (auto* t : {&a, &b, &c}) t->join();
  const auto expected = pattern(total);
  CHECK((one == expected));
  CHECK((other == expected));
}

TEST_CASE("inproc: frames of every size arrive whole, also those above the window", "[inproc]") {
  const std::uint64_t window = GENERATE(1U, 100'000U, 1U << 20);
  pair p{where, options{.receive_window = window}};
  auto [near, far] = p.open();
  const std::vector<std::size_t> sizes{0, 1, 64, 70'000, 1 << 20, 2'000'000, 12'000'000, 3};
  std::thread writer{[&, &near = near] {
    for (const auto size : sizes) (void)near.write_frame(pattern(size));
    (void)near.close_write();
  }};
  for (const auto size : sizes) {
    auto got = far.read_frame();
    if (!got) FAIL(got.error().message());
    CHECK((got->view() == pattern(size)));
  }
  CHECK(far.read_frame().error().code() == errc::end_of_stream);
  writer.join();
}

TEST_CASE("inproc: a reader that sleeps stops its writer within the window, and delays nobody", "[inproc]") {
  apart p{options{.receive_window = 200'000, .send_high_water = 100'000, .send_low_water = 50'000}};
  auto [near, far] = p.open();
  auto [near2, far2] = p.open();
  std::atomic<std::uint64_t> written{0};
  constexpr std::uint64_t total = 400 * 20'000;
  std::thread writer{[&near = near, &written] {
    const auto chunk = pattern(20'000);
    while (written < total && near.write(chunk)) written += chunk.size();
    (void)near.close_write();
  }};
  const auto frame = pattern(10'000);
  for (int i = 0; i < 2'000; ++i) {
    REQUIRE(near2.write_frame(frame));
    REQUIRE(far2.read_frame());
  }
  CHECK(written.load() <= 500'000);
  CHECK(read_all(far).size() == total);
  writer.join();
}

TEST_CASE("inproc: a pinned host key is checked before anything is said", "[inproc]") {
  runtime rt;
  seen<std::string> log;
  auto settings = with_keys({.name = "hub"});
  settings.log = [&log](const log_record& line) { log.add(line.text); };
  auto hub = rt.spawn_peer(settings);
  REQUIRE(hub.bind(where));
  auto mine = with_keys({.name = "me"});
  mine.host_key = key::generate().fingerprint();
  auto me = rt.spawn_peer(mine);
  const auto why = me.connect(where).error();
  CHECK(why.code() == errc::host_key);
  CHECK(why.context() == "connect 'inproc://hub': inproc://hub shows " + test_key().fingerprint() + ", but " +
                             mine.host_key + " is expected (option host_key)");
  REQUIRE(hub.shutdown());
  for (const auto& line : log.wait_for(1)) CHECK(line.find("'me'") == std::string::npos);
}

TEST_CASE("inproc: a name belongs to a key", "[inproc]") {
  runtime rt;
  auto hub = rt.spawn_peer(with_keys({.name = "hub"}));
  REQUIRE(hub.bind(where));
  auto holder = rt.spawn_peer(with_keys({.name = "worker"}));
  REQUIRE(holder.connect(where));
  auto thief = rt.spawn_peer({.name = "worker", .identity = key::generate().text()});
  const auto why = thief.connect(where).error();
  CHECK(why.code() == errc::already_exists);
  CHECK(why.context().find("held by " + test_key().fingerprint() + " at inproc://hub") != std::string::npos);
  auto twin = rt.spawn_peer(with_keys({.name = "worker"}));
  REQUIRE(twin.connect(where));
  CHECK(hub.peers()->front().sessions == 2);
  CHECK(holder.ping("hub"));
}

TEST_CASE("inproc: a peer may connect to itself", "[inproc]") {
  runtime rt{runtime_options{1, {}}};
  auto self = rt.spawn_peer(with_keys({.name = "self"}));
  REQUIRE(self.bind(where));
  REQUIRE(self.connect(where));
  REQUIRE(self.serve("s"));
  auto near = *self.open("self", "s");
  auto far = *self.accept("s");
  REQUIRE(near.write_frame("x"));
  CHECK(far.read_frame()->view() == "x");
}

TEST_CASE("inproc: a name is bound once in the process, and free again when its peer is gone", "[inproc]") {
  runtime rt;
  auto first = std::make_unique<runtime>();
  auto hub = first->spawn_peer(with_keys({.name = "hub"}));
  REQUIRE(hub.bind(where));
  CHECK(hub.bind(where).error().code() == errc::already_exists);
  auto second = rt.spawn_peer(with_keys({.name = "second"}));
  const auto why = second.bind(where).error();
  CHECK(why.code() == errc::address_in_use);
  CHECK(why.context().find("inproc://hub") != std::string::npos);
  hub = {};
  first.reset();
  CHECK(second.bind(where));
}

TEST_CASE("inproc: connecting where nobody listens fails, and succeeds once somebody does", "[inproc]") {
  runtime rt;
  auto me = rt.spawn_peer(with_keys({.name = "me", .reconnect_delay = 5ms}));
  const auto why = me.connect(where).error();
  CHECK(why.code() == errc::connection_failed);
  CHECK(why.context() == "connect 'inproc://hub': nobody listens at inproc://hub");
  auto hub = rt.spawn_peer(with_keys({.name = "hub"}));
  REQUIRE(hub.bind(where));
  CHECK(eventually([&] { return me.peers()->size() == 1; }));
  REQUIRE(hub.unbind(where));  // sessions stay
  CHECK(me.ping("hub"));
  CHECK(eventually([&] {
    auto late = rt.spawn_peer(with_keys());
    return late.connect(where).error().code() == errc::connection_failed;
  }));
}

TEST_CASE("inproc: a dropped peer hears why and comes back by itself", "[inproc]") {
  pair p{where, options{.reconnect_delay = 5ms}};
  auto [near, far] = p.open();
  auto reading = near.async_read_frame(asio::use_future);
  REQUIRE(p.hub.drop("me", "enough of you"));
  REQUIRE(reading.wait_for(patience) == std::future_status::ready);
  CHECK(reading.get().error().context().find("enough of you") != std::string::npos);
  CHECK_FALSE(far.read_frame());
  for (int i = 0; i < 20; ++i) {
    CHECK(eventually([&] { return p.me.open("hub", "test").has_value(); }));
    CHECK(eventually([&] { return p.hub.ping("me").has_value(); }));
    REQUIRE(p.hub.drop("me", "again"));
  }
}

TEST_CASE("inproc: disconnect ends the session on both sides", "[inproc]") {
  apart p;
  REQUIRE(p.me.disconnect(where));
  CHECK(eventually([&] { return p.hub.peers()->empty() && p.me.peers()->empty(); }));
  CHECK(p.me.connect(where));
}

TEST_CASE("inproc: a peer that shuts down drains its channels first", "[inproc]") {
  apart p;
  auto [near, far] = p.open();
  REQUIRE(far.write_frame(pattern(3'000'000)));
  auto leaving = p.hub.async_shutdown(asio::use_future);
  CHECK(eventually([&] { return p.me.open("hub", "s").error().code() == errc::not_connected; }));
  REQUIRE(far.close());
  CHECK(near.read_frame()->size() == 3'000'000);
  CHECK(near.read_frame().error().code() == errc::end_of_stream);
  REQUIRE(leaving.wait_for(patience) == std::future_status::ready);
  CHECK(leaving.get());
}

TEST_CASE("inproc: a remote side whose thread stands still is waited for as long as the options say", "[inproc]") {
  asio::io_context io;
  auto busy = asio::make_work_guard(io);
  runtime there{io};
  std::thread thread{[&io] { io.run(); }};
  auto hub = there.spawn_peer(with_keys({.name = "hub"}));
  REQUIRE(hub.bind(where));
  REQUIRE(hub.serve("s"));
  runtime here;
  auto me = here.spawn_peer(with_keys({.name = "me", .open_timeout = 100ms}));
  REQUIRE(me.connect(where));
  REQUIRE(me.open("hub", "s"));
  io.stop();
  thread.join();
  const auto why = me.open("hub", "s").error();
  CHECK(why.code() == errc::timed_out);
  CHECK(why.context() == "open 's': the remote peer neither keeps nor refuses the channel");
  CHECK(me.ping("hub").error().code() == errc::timed_out);
  auto late = here.spawn_peer(with_keys({.name = "late", .connect_timeout = 100ms}));
  const auto never = late.connect(where).error();
  CHECK(never.code() == errc::timed_out);
  CHECK(never.context() == "connect 'inproc://hub': no session within connect_timeout (100ms)");
  busy.reset();
  io.restart();
  there.shutdown();
  CHECK(eventually([&] { return me.peers()->empty(); }));
}

TEST_CASE("inproc: children go with their parent, after what was written", "[inproc]") {
  apart p;
  auto [near, far] = p.open();
  CHECK(near.open("no blanks").error().code() == errc::invalid_argument);
  std::vector<std::pair<channel, channel>> all;
  for (int i = 0; i < 50; ++i) {
    auto& by = i % 2 == 0 ? near : far;
    auto& at = i % 2 == 0 ? far : near;
    auto one = by.open("child", {"k=v"});
    if (!one) FAIL(one.error().message());
    auto other = at.accept();
    REQUIRE(other);
    CHECK(other->meta()->headers == std::vector<std::string>{"k=v"});
    all.emplace_back(i % 2 == 0 ? *one : *other, i % 2 == 0 ? *other : *one);
    REQUIRE(all.back().first.write_frame(pattern(50'000)));
  }
  REQUIRE(near.close());
  for (auto& [mine, theirs] : all) {
    CHECK((theirs.read_frame()->view() == pattern(50'000)));
    CHECK(theirs.read_frame().error().code() == errc::end_of_stream);
    CHECK(theirs.meta()->trailer("reason") == "its parent channel was closed");
  }
  CHECK(far.read().error().code() == errc::end_of_stream);
  CHECK(far.open("late").error().code() == errc::closed);
}

TEST_CASE("inproc: a runtime that is destroyed while data flows ends the other one's channels cleanly", "[inproc]") {
  const bool in_time = GENERATE(true, false);  // or cut off, at once
  for (int round = 0; round < 5; ++round) {
    apart p{options{.reconnect_delay = 5ms}};
    auto [near, far] = p.open();
    std::atomic<bool> flowing{false};
    error end;
    std::thread reader{[&, &near = near] {
      for (;;) {
        auto got = near.read();
        if (!got) {
          end = got.error();
          return;
        }
        flowing = true;
      }
    }};
    std::thread writer{[&near = near] {
      while (near.write_frame(pattern(5'000))) {
      }
    }};
    std::thread busy{[&far = far] {
      while (far.write(pattern(5'000))) {
      }
    }};
    CHECK(eventually([&] { return flowing.load(); }));
    if (!in_time) p.there->shutdown(0ms);
    // Handles must not outlive their runtime, so the thread that uses one goes first.
    p.there->shutdown();
    busy.join();
    far = {};
    p.hub = {};
    p.there.reset();
    reader.join();
    writer.join();
    CHECK((end.code() == errc::end_of_stream || end.code() == errc::closed || end.code() == errc::connection_lost));
    CHECK(eventually([&] { return p.me.peers()->empty(); }));
    runtime again;
    auto hub = again.spawn_peer(with_keys({.name = "hub"}));
    REQUIRE(hub.bind(where));
    CHECK(eventually([&] { return p.me.ping("hub").has_value(); }));
  }
}
