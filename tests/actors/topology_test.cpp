// SPDX-License-Identifier: BSD-2-Clause
// One peer among many: turns, many endpoints, several ways to one remote peer; and what is left when they go.
#include "tests/actors/footprint.hpp"

#include <boost/asio/use_future.hpp>

#include <map>

using namespace duplex;
using namespace duplex::test;

namespace {

peer spawn_worker(runtime& rt, const std::string& name) {
  auto made = rt.spawn_peer(with_keys({.name = name, .reconnect_delay = 1ms, .linger = 100ms}));
  (void)made.serve("work", [](channel) {});  // no assertion: also called on other threads
  return made;
}

struct hub_of_all {
  explicit hub_of_all(const std::vector<std::string>& kinds) {
    for (const auto& kind : kinds) {
      const auto at = hub.bind(endpoint_of(kind, here));
      if (!at) FAIL(at.error().message());
      where.push_back(at->str());
    }
  }
  std::uint32_t sessions_of(const peer& at, std::string_view name) {
    const auto all = at.peers();
    for (const auto& one : *all)
      if (one.name == name) return one.sessions;
    return 0;
  }
  std::string address_of(std::string_view name) {
    const auto all = hub.peers();
    for (const auto& one : *all)
      if (one.name == name) return one.address;
    return {};
  }

  transport_tests::folder here;
  runtime rt;
  peer hub = rt.spawn_peer(with_keys({.name = "hub"}));
  std::vector<std::string> where;
};

}  // namespace

TEST_CASE("topology: turns are fair among those who stay while others come and go", "[topology]") {
  const std::string kind = GENERATE("inproc", "tcp");
  hub_of_all h{{kind}};
  const std::vector<std::string> staying{"a", "b", "c"};
  std::vector<peer> stay;
  for (const auto& name : staying) {
    stay.push_back(spawn_worker(h.rt, name));
    REQUIRE(stay.back().connect(h.where[0]));
  }
  std::atomic<bool> over{false};
  std::atomic<int> opened{0};
  std::thread others{[&] {
    for (int i = 0; i < 12; ++i) {
      auto d = spawn_worker(h.rt, "d" + std::to_string(i)), e = spawn_worker(h.rt, "e" + std::to_string(i));
      (void)d.connect(h.where[0]);
      (void)e.connect(h.where[0]);
      (void)eventually([&, seen = opened.load()] { return opened >= seen + 10; });  // two rounds
      if (i % 3 == 0) (void)h.hub.drop("d" + std::to_string(i));
      (void)d.shutdown();
      if (i % 3 == 1) (void)e.disconnect(h.where[0]);
      (void)e.shutdown();
    }
    over = true;
  }};
  std::map<std::string, int> turns;
  int least = 0, most = 0, largest = 0, others_had = 0;
  while (!over || opened < 300) {
    auto ch = h.hub.open("", "work");
    if (!ch) {  // only those who are leaving
      CHECK((ch.error().code() == errc::connection_lost || ch.error().code() == errc::not_connected ||
             ch.error().code() == errc::refused || ch.error().code() == errc::closed));
      continue;
    }
    ++opened;
    const auto about = ch->meta();
    if (!about) continue;
    const auto who = about->remote_peer;
    if (std::find(staying.begin(), staying.end(), who) == staying.end()) {
      ++others_had;
      continue;
    }
    ++turns[who];
    least = most = turns[staying[0]];
    for (const auto& name : staying) {
      least = std::min(least, turns[name]);
      most = std::max(most, turns[name]);
    }
    largest = std::max(largest, most - least);
  }
  others.join();
  CHECK(largest <= 1);
  CHECK(least > 0);
  CHECK(others_had > 0);
  CHECK(eventually([&] { return h.hub.peers()->size() == staying.size(); }));
}

TEST_CASE("topology: one peer bound at three kinds of endpoints and connected to two others", "[topology]") {
  hub_of_all h{{"tcp", "unix", "inproc"}};
  std::vector<peer> around;
  for (int i = 0; i < 3; ++i) {
    around.push_back(spawn_worker(h.rt, "in" + std::to_string(i)));
    REQUIRE(around.back().connect(h.where[static_cast<std::size_t>(i)]));
  }
  std::vector<std::string> out;
  for (const std::string kind : {"tcp", "inproc"}) {
    const transport_tests::folder there;
    around.push_back(spawn_worker(h.rt, "out-" + kind));
    const auto at = around.back().bind(endpoint_of(kind, there));
    REQUIRE(at);
    REQUIRE(h.hub.connect(at->str()));
    out.push_back(at->str());
  }
  REQUIRE(h.hub.serve("s", [](channel) {}));
  std::vector<std::string> names;
  const auto known = h.hub.peers();
  for (const auto& one : *known) {
    CHECK(one.sessions == 1);
    CHECK(one.fingerprint == test_key().fingerprint());
    names.push_back(one.name);
  }
  CHECK(names == std::vector<std::string>{"in0", "in1", "in2", "out-inproc", "out-tcp"});
  for (const auto& name : names) CHECK(h.hub.open(name, "work"));
  for (auto& one : around) CHECK(one.open("hub", "s"));
  std::map<std::string, int> turns;
  for (int i = 0; i < 20; ++i) ++turns[h.hub.open("", "work")->meta()->remote_peer];
  for (const auto& name : names) CHECK(turns[name] == 4);
}

TEST_CASE("topology: unbind, disconnect and drop each leave no trace, and are heard of once", "[topology]") {
  const std::string kind = GENERATE("tcp", "unix", "inproc");
  hub_of_all h{{kind}};
  auto me = spawn_worker(h.rt, "me");
  REQUIRE(me.connect(h.where[0]));  // what comes with a first session is there from now on
  REQUIRE(me.disconnect(h.where[0]));
  CHECK(eventually([&] { return h.hub.peers()->empty() && me.peers()->empty(); }));
  observed at_hub{h.rt, h.hub}, at_me{h.rt, me};
  const auto bound = footprint::of(h.rt);
  REQUIRE(h.hub.unbind(h.where[0]));
  const auto nothing = footprint::of(h.rt);
  REQUIRE(h.hub.bind(h.where[0]));
  CHECK(bound.is_back(h.rt));

  REQUIRE(me.connect(h.where[0]));
  const auto connected = footprint::of(h.rt);
  REQUIRE(h.hub.drop("me", "enough"));
  REQUIRE(at_hub.wait_for("up me", 2));
  REQUIRE(at_me.wait_for("up hub", 2));
  CHECK(connected.is_back(h.rt));
  CHECK(at_hub.count("down me") == 1);
  CHECK(at_me.count("down hub") == 1);

  REQUIRE(me.disconnect(h.where[0]));
  CHECK(eventually([&] { return h.hub.peers()->empty() && me.peers()->empty(); }));
  REQUIRE(at_hub.wait_for("down me", 2));
  REQUIRE(at_me.wait_for("down hub", 2));
  CHECK(bound.is_back(h.rt));
  REQUIRE(h.hub.unbind(h.where[0]));
  CHECK(nothing.is_back(h.rt));
  CHECK(me.connect(h.where[0]).error().code() == errc::connection_failed);
  CHECK(at_hub.count("up me") == 2);
  CHECK(at_hub.count("down me") == 2);
  CHECK(at_me.count("up hub") == 2);
  CHECK(at_me.count("down hub") == 2);
  CHECK(at_me.count("ended") == 0);
}

TEST_CASE("topology: one remote peer by three ways at once is one, until the last of them goes", "[topology]") {
  hub_of_all h{{"tcp", "unix", "inproc"}};
  auto me = spawn_worker(h.rt, "me");
  REQUIRE(h.hub.serve("s", [](channel) {}));
  observed at_hub{h.rt, h.hub}, at_me{h.rt, me};
  for (const auto& where : h.where) REQUIRE(me.connect(where));
  CHECK(h.hub.peers()->size() == 1);
  CHECK(me.peers()->size() == 1);
  CHECK(h.sessions_of(me, "hub") == 3);
  CHECK(eventually([&] { return h.sessions_of(h.hub, "me") == 3; }));
  std::map<std::string, int> by;
  for (int i = 0; i < 9; ++i) {
    auto ch = me.open("hub", "s");
    REQUIRE(ch);
    ++by[ch->meta()->remote_address];
  }
  CHECK(by == std::map<std::string, int>{{h.where[0], 3}, {h.where[1], 3}, {h.where[2], 3}});
  CHECK(h.address_of("me").starts_with("tcp://"));

  REQUIRE(me.disconnect(h.where[0]));
  CHECK(eventually([&] { return h.sessions_of(h.hub, "me") == 2 && h.sessions_of(me, "hub") == 2; }));
  CHECK(h.address_of("me") == h.where[1]);  // where it is, not where it was
  REQUIRE(me.disconnect(h.where[1]));
  CHECK(eventually([&] { return h.sessions_of(h.hub, "me") == 1 && h.sessions_of(me, "hub") == 1; }));
  CHECK(h.address_of("me") == h.where[2]);
  CHECK(me.ping("hub"));
  CHECK(h.hub.open("me", "work"));
  CHECK(at_hub.wait_for(1) == std::vector<std::string>{"up me"});
  CHECK(at_me.wait_for(1) == std::vector<std::string>{"up hub"});

  REQUIRE(me.disconnect(h.where[2]));
  REQUIRE(at_hub.wait_for("down me", 1));
  REQUIRE(at_me.wait_for("down hub", 1));
  CHECK(h.hub.peers()->empty());
  CHECK(me.peers()->empty());
  CHECK(at_hub.count("up me") == 1);
  CHECK(at_hub.count("draining me") <= 1);
  CHECK(at_hub.count("down me") == 1);
}

TEST_CASE("topology: drop ends all sessions with a peer, and each of them comes back", "[topology]") {
  hub_of_all h{{"tcp", "unix", "inproc"}};
  auto me = spawn_worker(h.rt, "me");
  for (const auto& where : h.where) REQUIRE(me.connect(where));
  REQUIRE(me.serve("wait"));
  const auto all = [&] { return h.sessions_of(h.hub, "me") == 3 && h.sessions_of(me, "hub") == 3; };
  CHECK(eventually(all));
  const auto before = footprint::of(h.rt);
  for (int i = 0; i < 10; ++i) {
    std::vector<channel> one_each;
    std::vector<std::future<result<bytes>>> reads;
    for (int n = 0; n < 3; ++n) {
      auto ch = h.hub.open("me", "wait");
      if (!ch) FAIL(ch.error().message());
      reads.push_back(ch->async_read(1, asio::use_future));
      one_each.push_back(*ch);
    }
    REQUIRE(h.hub.drop("me", "all of you"));
    for (auto& one : reads) {
      REQUIRE(one.wait_for(patience) == std::future_status::ready);
      const auto why = one.get().error();
      CHECK(why.code() == errc::connection_lost);
      CHECK_THAT(why.context(), Catch::Contains("all of you"));
    }
    for (int n = 0; n < 3; ++n) REQUIRE(me.accept("wait"));
    CHECK(eventually(all));
  }
  CHECK(before.is_back(h.rt));
}
