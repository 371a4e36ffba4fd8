// SPDX-License-Identifier: BSD-2-Clause
// Servers that go away and come back: what was under way ends once, and nothing grows.
#include "tests/actors/footprint.hpp"

#include <boost/asio/use_future.hpp>

using namespace duplex;
using namespace duplex::test;

namespace {

asio::awaitable<void> echo(channel ch) {
  for (;;) {
    auto got = co_await ch.async_read_frame();
    if (!got) break;
    auto sent = co_await ch.async_write_frame(got->view());
    if (!sent) break;
  }
}

// How often each of the operations under way has completed.
struct outcomes {
  static constexpr std::size_t total = 64;
  std::array<std::atomic<int>, total> times{};
  std::atomic<std::size_t> started = 0, done = 0;

  auto next() {
    const auto at = started++;
    return [this, at](const auto&) {
      ++times.at(at);
      ++done;
    };
  }
};

// A hub in a runtime of its own, which can be ended in several ways and started again at the same endpoint.
struct restartable {
  explicit restartable(std::string_view kind) : where(endpoint_of(kind, here)) {
    start();
    me = mine.spawn_peer(with_keys({.name = "me", .reconnect_delay = 2ms, .reconnect_delay_max = 20ms}));
    if (auto up = me.connect(where); !up) FAIL(up.error().message());
  }
  void start() {
    theirs = std::make_unique<runtime>();
    hub = theirs->spawn_peer(with_keys({.name = "hub", .linger = 20ms}));
    for (const auto* service : {"silent", "source"}) REQUIRE(hub.serve(service));
    REQUIRE(hub.serve("echo", echo));
    const auto at = hub.bind(where);
    if (!at) FAIL(at.error().message());
    where = at->str();
  }
  void stop(std::string_view how) {
    if (how == "shutdown") CHECK(hub.shutdown());
    if (how == "killed") caf::anon_send_exit(caf::actor_cast<caf::actor>(hub.actor()), caf::exit_reason::kill);
    hub = {};
    theirs.reset();
  }

  transport_tests::folder here;
  std::string where;
  runtime mine;
  peer me, hub;
  std::unique_ptr<runtime> theirs;
};

}  // namespace

TEST_CASE("restart: 64 operations under way at a server that restarts end once each, and work again", "[restart]") {
  const std::string kind = GENERATE("tcp", "unix", "inproc");
  const std::string how = GENERATE("shutdown", "killed", "runtime destroyed");
  restartable r{kind};
  outcomes all;
  std::vector<channel> kept;
  const auto open = [&](std::string_view service) {
    auto ch = r.me.open("hub", service);
    if (!ch) FAIL(ch.error().message());
    kept.push_back(*ch);
    return *ch;
  };
  {
    auto elsewhere = r.mine.spawn_peer(with_keys({.name = "elsewhere"}));
    const auto at = elsewhere.bind("inproc://" + r.here.path("elsewhere"));
    REQUIRE(at);
    REQUIRE(r.me.connect(at->str()));
    REQUIRE(elsewhere.serve("silent"));
    for (int i = 0; i < 8; ++i) {
      open("silent").async_read_frame(all.next());
      open("silent").async_read(1, all.next());
      open("silent").async_read_error(all.next());
      open("silent").async_trailers(all.next());
      auto full = open("silent");
      for (int w = 0; w < 6; ++w) (void)full.async_write(pattern(600'000), asio::use_future);
      full.async_write(pattern(600'000), all.next());
      full.async_accept(all.next());
      auto other = r.me.open("elsewhere", "silent");
      if (!other) FAIL(other.error().message());
      kept.push_back(*other);
      open("silent").async_join(*other, all.next());
    }
    for (int i = 0; i < 4; ++i) r.me.async_ping("hub", all.next());
    for (int i = 0; i < 4; ++i) r.me.async_open("hub", "silent", all.next());
    REQUIRE(all.started == outcomes::total);
    r.stop(how);
    r.start();
    CHECK(eventually([&] { return all.done == outcomes::total; }));
    REQUIRE(elsewhere.shutdown());
  }
  CHECK(eventually([&] { return r.me.ping("hub").has_value(); }));
  auto again = r.me.open("hub", "echo");
  if (!again) FAIL(again.error().message());
  REQUIRE(again->write_frame("still here"));
  CHECK(again->read_frame()->view() == "still here");
  kept.clear();
  r.stop("runtime destroyed");
  CHECK(r.mine.shutdown().cut_off.empty());
  for (const auto& one : all.times) CHECK(one == 1);
}

TEST_CASE("restart: a thousand sessions that ended leave no actor, no descriptor and no memory", "[restart]") {
  const std::string kind = GENERATE("inproc", "tcp", "unix");
  const std::size_t cycles = kind == "inproc" ? 1000 : 200;
  const std::size_t warm = 20, per_cycle = 1000;  // bytes: time limits not yet due; a session is more
  transport_tests::folder here;
  pair p{endpoint_of(kind, here), options{.reconnect_delay = 1ms, .reconnect_delay_max = 2ms}};
  observed hub{p.rt, p.hub}, me{p.rt, p.me};
  footprint before{};
  for (std::size_t i = 1; i <= warm + cycles; ++i) {
    REQUIRE((i % 2 == 0 ? p.hub.drop("me", "again") : p.me.drop("hub", "again")));
    REQUIRE(hub.wait_for("up me", 1));
    REQUIRE(me.wait_for("up hub", 1));
    hub.forget();
    me.forget();
    if (i == warm) before = footprint::of(p.rt);
  }
  CHECK(before.is_back(p.rt));
  const auto grown = static_cast<double>(footprint::of(p.rt).heap) - static_cast<double>(before.heap);
  INFO("heap grew by " << grown << " bytes");
  if (heap_is_known) CHECK(grown < static_cast<double>(cycles * per_cycle));
}

TEST_CASE("restart: channels that a subscriber has seen end cost it nothing", "[restart]") {
  pair p{"inproc://" + transport_tests::folder{}.path("hub")};
  REQUIRE(p.hub.serve("s", echo));
  auto subscriber = p.rt.system().spawn([](caf::event_based_actor* self) -> caf::behavior {
    self->set_default_handler(caf::drop);
    return {[](frames_atom, frames&) {}, [](eof_atom) {}};
  });
  caf::scoped_actor self{p.rt.system(), true};
  const std::size_t cycles = 2000, warm = 100, per_cycle = 128;  // bytes; a channel's actor is ten times that
  footprint before{};
  for (std::size_t i = 1; i <= warm + cycles; ++i) {
    auto ch = p.me.open("hub", "s");
    if (!ch) FAIL(ch.error().message());
    // CAF's clock keeps a time limit until it is due, so there is none.
    self->request(ch->actor(), caf::infinite, subscribe_atom_v, caf::actor_cast<caf::strong_actor_ptr>(subscriber),
                  delivery::frames)
        .receive([] {}, [](caf::error& why) { FAIL(from_caf(why).message()); });
    if (i == warm) before = footprint::of(p.rt);
  }
  CHECK(before.is_back(p.rt));
  const auto grown = static_cast<double>(footprint::of(p.rt).heap) - static_cast<double>(before.heap);
  INFO("heap grew by " << grown << " bytes");
  if (heap_is_known) CHECK(grown < static_cast<double>(cycles * per_cycle));
  caf::anon_send_exit(subscriber, caf::exit_reason::user_shutdown);
}
