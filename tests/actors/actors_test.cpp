// SPDX-License-Identifier: BSD-2-Clause
// Peers and channels are actors: monitored, linked, ended and messaged as any other.
#include "tests/actors/support.hpp"

#include <caf/all.hpp>

using namespace duplex;
using namespace duplex::test;

namespace {

caf::strong_actor_ptr ptr(const auto& handle) { return caf::actor_cast<caf::strong_actor_ptr>(handle); }

channel_actor open_actor(pair& p, const std::string& service) {
  caf::scoped_actor self{p.rt.system(), true};
  channel_actor opened;
  self->request(p.me.actor(), patience, open_atom_v, std::string{"hub"}, service, std::vector<std::string>{})
      .receive([&](channel_actor& ch) { opened = std::move(ch); },
               [](caf::error& why) { FAIL(from_caf(why).message()); });
  return opened;
}

// The exit reason of `whom`, as a monitor sees it.
caf::error exit_of(pair& p, const caf::strong_actor_ptr& whom, const std::function<void()>& then) {
  caf::scoped_actor self{p.rt.system(), true};
  self->monitor(caf::actor_cast<caf::actor_addr>(whom));
  then();
  caf::error reason = caf::sec::request_timeout;
  self->receive([&](caf::down_msg& down) { reason = down.reason; },
                caf::after(patience) >> [] { FAIL("no down message"); });
  return reason;
}

}  // namespace

TEST_CASE("actors: monitoring a channel tells when and why the remote side closed it, with its trailers", "[actors]") {
  pair p;
  REQUIRE(p.hub.serve("s"));
  auto near = open_actor(p, "s");
  auto far = p.hub.accept("s");
  REQUIRE(far);
  const auto reason = exit_of(p, ptr(near), [&] {
    REQUIRE(far->write_trailers({"status=3", "why=enough"}));
    REQUIRE(far->close());
  });
  CHECK(from_caf(reason).code() == errc::closed);
  bool trailed = false;
  CHECK(trailers_of(reason, trailed) == std::vector<std::string>{"status=3", "why=enough"});
  CHECK(trailed);
}

TEST_CASE("actors: send_exit to a channel closes its SSH channel", "[actors]") {
  pair p;
  REQUIRE(p.hub.serve("s"));
  auto near = open_actor(p, "s");
  auto far = p.hub.accept("s");
  REQUIRE(far);
  caf::anon_send_exit(near, caf::exit_reason::user_shutdown);
  CHECK(far->read_frame().error().code() == errc::end_of_stream);
}

TEST_CASE("actors: send_exit to a peer ends its sessions and their channels", "[actors]") {
  pair p;
  auto [near, far] = p.open();
  const auto reason =
      exit_of(p, ptr(near.actor()), [&] { caf::anon_send_exit(ptr(p.hub.actor()), caf::exit_reason::user_shutdown); });
  CHECK(from_caf(reason).code() == errc::connection_lost);
  CHECK(eventually([&] { return p.me.peers()->empty(); }));
}

TEST_CASE("actors: a linked actor dies with its channel", "[actors]") {
  pair p;
  REQUIRE(p.hub.serve("s"));
  auto near = open_actor(p, "s");
  auto far = p.hub.accept("s");
  REQUIRE(far);
  auto linked = p.rt.system().spawn([near](caf::event_based_actor* self) -> caf::behavior {
    self->link_to(near);
    return {[](int) {}};
  });
  const auto reason = exit_of(p, ptr(linked), [&] { REQUIRE(far->close()); });
  CHECK(from_caf(reason).code() == errc::closed);
}

TEST_CASE("actors: the channel closes when its subscriber ends", "[actors]") {
  pair p;
  REQUIRE(p.hub.serve("s"));
  auto near = open_actor(p, "s");
  auto far = p.hub.accept("s");
  REQUIRE(far);
  auto subscriber = p.rt.system().spawn([near](caf::event_based_actor* self) -> caf::behavior {
    self->request(near, patience, subscribe_atom_v, ptr(self), delivery::frames).then([] {});
    return {[self](frames_atom, frames&) { self->quit(); }, [](eof_atom) {}};
  });
  REQUIRE(far->write_frame("go"));
  CHECK(far->read_frame().error().code() == errc::end_of_stream);
}

TEST_CASE("actors: a subscriber gets frames, error frames, trailers and the end as messages", "[actors]") {
  seen<std::string> log;
  pair p;
  REQUIRE(p.hub.serve("s"));
  auto near = open_actor(p, "s");
  auto far = p.hub.accept("s");
  REQUIRE(far);
  auto subscriber = p.rt.system().spawn([near, &log](caf::event_based_actor* self) -> caf::behavior {
    self->set_default_handler(caf::drop);
    self->monitor(near);
    self->set_down_handler([&log, self](caf::down_msg&) {
      log.add("down");
      self->quit();
    });
    self->request(near, patience, subscribe_atom_v, ptr(self), delivery::frames).then([] {});
    return {[self, near, &log](frames_atom, frames& batch) {
              for (const auto f : batch) log.add("frame " + std::string{f});
              self->send(near, credit_atom_v, static_cast<std::uint32_t>(batch.wire_size()));
            },
            [&log](error_atom, frames& batch) {
              for (const auto f : batch) log.add("error " + std::string{f});
            },
            [&log](trailers_atom, std::vector<std::string>& list) { log.add("trailers " + list.at(0)); },
            [&log](eof_atom) { log.add("eof"); }};
  });
  REQUIRE(far->write_frame("a"));
  CHECK(log.wait_for(1).back() == "frame a");
  REQUIRE(far->write_error("b"));
  CHECK(log.wait_for(2).back() == "error b");
  REQUIRE(far->write_trailers({"t=1"}));
  REQUIRE(far->close());
  CHECK(log.wait_for(5) == std::vector<std::string>{"frame a", "error b", "trailers t=1", "eof", "down"});
}

TEST_CASE("actors: a channel's handle is a message to any actor of the process", "[actors]") {
  pair p;
  auto [near, far] = p.open();
  auto writer = p.rt.system().spawn([](caf::event_based_actor* self) -> caf::behavior {
    return {[self](channel_actor& ch) { self->send(ch, write_atom_v, make_frames("from an actor"), 0U); }};
  });
  caf::anon_send(writer, near.actor());
  CHECK(far.read_frame()->view() == "from an actor");
}

TEST_CASE("actors: a channel that a service did not take is ended with the reason", "[actors]") {
  pair p;
  const auto says = [](channel& of, const std::string& what) {
    const auto last = of.trailers();
    REQUIRE(last);
    REQUIRE(last->size() >= 2);
    CHECK_THAT(last->at(1), Catch::Contains(what));
    CHECK_FALSE(of.read());
  };
  SECTION("it ended meanwhile") {
    std::promise<void> go;
    auto busy = p.rt.system().spawn<caf::detached>([&go](caf::event_based_actor* self) -> caf::behavior {
      return {[self, &go](accept_atom, channel_actor&, const meta&) {
        go.get_future().wait();
        self->quit();
      }};
    });
    REQUIRE(p.hub.serve("s", busy));
    busy = nullptr;
    std::vector<channel> opened;
    for (int i = 0; i < 4; ++i) opened.push_back(*p.me.open("hub", "s"));
    go.set_value();
    for (std::size_t i = 1; i < opened.size(); ++i) says(opened[i], "ended before it took the channel");
  }
  SECTION("it takes no channels, or throws") {
    const bool throws = GENERATE(true, false);
    auto wrong = p.rt.system().spawn([throws](caf::event_based_actor* self) -> caf::behavior {
      self->set_default_handler(caf::drop);
      if (throws) return {[](accept_atom, channel_actor&, const meta&) { throw std::runtime_error("no luck"); }};
      return {[](int) {}};
    });
    REQUIRE(p.hub.serve("s", wrong));
    auto ch = p.me.open("hub", "s");
    REQUIRE(ch);
    says(*ch, throws ? "service" : "the service failed");
  }
}

TEST_CASE("actors: 10,000 channels opened and closed leave the actor count where it was", "[actors]") {
  pair p;
  REQUIRE(p.hub.serve("s", [](channel) {}));
  { auto warm = p.me.open("hub", "s"); }
  caf::scoped_actor self{p.rt.system(), true};
  const auto settled = [&] { return p.rt.system().registry().running(); };
  std::size_t before = 0;
  REQUIRE(eventually([&] { return std::exchange(before, settled()) == settled() && p.me.ping("hub"); }));
  constexpr int total = 10'000, at_once = 50;
  int done = 0;
  for (int round = 0; round < total / at_once; ++round) {
    for (int i = 0; i < at_once; ++i)
      self->send(caf::actor_cast<caf::actor>(ptr(p.me.actor())), open_atom_v, std::string{"hub"}, std::string{"s"},
                 std::vector<std::string>{});
    for (int i = 0; i < at_once; ++i)
      self->receive(
          [&](channel_actor& ch) {
            ++done;
            caf::anon_send(caf::actor_cast<caf::actor>(ptr(ch)), close_atom_v);
          },
          [&](const caf::error& why) { FAIL(from_caf(why).message()); },
          caf::after(patience) >> [] { FAIL("no channel"); });
  }
  CHECK(done == total);
  CHECK(eventually([&] { return settled() <= before; }));
}

TEST_CASE("actors: whoever subscribes to a peer hears of remote peers coming and going", "[actors]") {
  seen<std::string> log;
  runtime rt;
  auto hub = rt.spawn_peer(with_keys({.name = "hub"}));
  const auto at = hub.bind("tcp://127.0.0.1:0");
  REQUIRE(at);
  auto observer = rt.system().spawn([&log](caf::event_based_actor*) -> caf::behavior {
    return {[&log](event_atom, const peer_event& event) {
      static constexpr const char* words[] = {"up ", "down ", "draining "};
      log.add(words[static_cast<int>(event.what)] + event.peer.name);
    }};
  });
  caf::scoped_actor self{rt.system(), true};
  self->request(hub.actor(), patience, subscribe_atom_v, observer)
      .receive([] {}, [](caf::error& why) { FAIL(from_caf(why).message()); });
  auto me = rt.spawn_peer(with_keys({.name = "me"}));
  REQUIRE(me.connect(at->str()));
  CHECK(log.wait_for(1) == std::vector<std::string>{"up me"});
  REQUIRE(me.shutdown());
  CHECK(log.wait_for(3) == std::vector<std::string>{"up me", "draining me", "down me"});
  caf::anon_send_exit(observer, caf::exit_reason::user_shutdown);
}

TEST_CASE("actors: unbind stops listening, disconnect ends the session and dials no more", "[actors]") {
  pair p;
  REQUIRE(p.hub.unbind(p.where));
  CHECK(p.hub.unbind(p.where).error().code() == errc::not_found);
  CHECK(p.me.ping("hub"));  // the session stays
  auto late = p.rt.spawn_peer(with_keys());
  CHECK(late.connect(p.where).error().code() == errc::connection_failed);
  REQUIRE(p.me.disconnect(p.where));
  CHECK(eventually([&] { return p.hub.peers()->empty() && p.me.peers()->empty(); }));
  CHECK(p.me.next_peer().error().code() == errc::not_connected);
}
