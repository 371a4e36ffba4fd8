// SPDX-License-Identifier: BSD-2-Clause
#include "tests/rpc/waiting.hpp"

using namespace duplex;
using namespace duplex::test;
using rpc::code;
using rpc::task;

namespace {

struct session {
  std::string name;
  channel bytes;
};

/// A third peer, whose channels are passed on.
struct three : rpc_pair {
  three() {
    options third;
    third.name = "source";
    source = rt.spawn_peer(with_keys(third));
    REQUIRE(source.connect(where));
    REQUIRE(hub.serve("bytes"));
    REQUIRE(me.serve("bytes"));
  }
  /// A channel of mine to somebody, and the far end of it.
  std::pair<channel, channel> bytes_at(duplex::peer& at, const char* name) {
    auto far_end = source.open(name == std::string{"me"} ? "hub" : name, "bytes");
    if (!far_end) FAIL(far_end.error().message());
    auto near_end = at.accept("bytes");
    if (!near_end) FAIL(near_end.error().message());
    return {*near_end, *far_end};
  }
  duplex::peer source;
};

void talk(channel& a, channel& b) {
  REQUIRE(a.write("ping"));
  CHECK(b.read()->view() == "ping");
  REQUIRE(b.write("pong"));
  CHECK(a.read()->view() == "pong");
}

}  // namespace

TEST_CASE("channel argument: a channel that is given is used after the call", "[rpc]") {
  seen<channel> got;
  three f;
  REQUIRE(f.far.handle("t.take", [&](session it) {
    got.add(it.bytes);
    return it.name;
  }));
  auto [mine, far_end] = f.bytes_at(f.hub, "hub");
  // From the hub, whose handler is at me.
  REQUIRE(f.near.handle("t.take", [&](session it) -> task<std::string> {
    got.add(it.bytes);
    co_return it.name;
  }));
  const auto take = f.far.method<std::string(session)>("t.take", "me");
  session one{"x", mine};
  CHECK(take(one).get() == "x");
  auto taken = got.wait_for(1).at(0);
  got.clear();
  REQUIRE(f.far.method<std::string(session)>("t.take", "me"));
  talk(taken, far_end);
  REQUIRE(far_end.write("last"));
  REQUIRE(far_end.close());
  CHECK(taken.read()->view() == "last");
  CHECK(!taken.read());
}

TEST_CASE("channel argument: a channel that comes back is used after the call", "[rpc]") {
  three f;
  auto [there, far_end] = f.bytes_at(f.hub, "hub");
  SECTION("as a result") {
    REQUIRE(f.far.handle("t.give", [there = there](std::string name) { return session{name, there}; }));
    there = {};
    auto got = f.near.method<session(std::string)>("t.give", "hub")("x").get();
    CHECK(got.name == "x");
    talk(got.bytes, far_end);
    REQUIRE(far_end.write("last"));
    REQUIRE(far_end.close());
    CHECK(got.bytes.read()->view() == "last");
  }
  SECTION("of a call that has a channel of its own") {
    REQUIRE(f.far.handle("t.give", [there = there](rpc::fn<void()> f, rpc::stream<int> in) -> task<session> {
      while (co_await in.next()) continue;
      auto call = f();
      co_await std::move(call);
      co_return session{"x", there};
    }));
    there = {};
    seen<int> called;
    auto got = f.near
                   .method<session(rpc::fn<void()>, rpc::stream<int>)>("t.give", "hub")([&] { called.add(1); },
                                                                                        std::vector{1, 2})
                   .get();
    CHECK(called.wait_for(1).size() == 1);
    talk(got.bytes, far_end);
    REQUIRE(got.bytes.close());
    CHECK(!far_end.read());
  }
}

TEST_CASE("channel argument: channels go both ways in one call", "[rpc]") {
  three f;
  auto [a, a_end] = f.bytes_at(f.hub, "hub");
  auto [b, b_end] = f.bytes_at(f.hub, "hub");
  REQUIRE(f.near.handle("t.through", [](session it) { return it; }));
  const auto through = f.far.method<session(session)>("t.through", "me");
  session one{"a", a}, other{"b", b};
  auto first = through(one).get();
  auto second = through(other).get();
  talk(first.bytes, a_end);
  REQUIRE(a_end.close());
  CHECK(!first.bytes.read());
  talk(second.bytes, b_end);
}

TEST_CASE("channel argument: many of them in one message", "[rpc]") {
  seen<std::vector<channel>> got;
  three f;
  std::vector<channel> near_ends, far_ends;
  for (int i = 0; i < 8; ++i) {
    auto [mine, far_end] = f.bytes_at(f.hub, "hub");
    near_ends.push_back(mine);
    far_ends.push_back(far_end);
  }
  REQUIRE(f.near.handle("t.many", [&](std::vector<channel> all) { got.add(std::move(all)); }));
  f.far.method<void(std::vector<channel>)>("t.many", "me")(near_ends).get();
  near_ends.clear();
  auto all = got.wait_for(1).at(0);
  got.clear();
  REQUIRE(all.size() == 8);
  for (std::size_t i = 0; i < 8; ++i) {
    talk(all[i], far_ends[i]);
    all[i] = {};  // the others go on
    CHECK(!far_ends[i].read());
  }
}
