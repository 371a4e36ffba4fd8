// SPDX-License-Identifier: BSD-2-Clause
#include "tests/rpc/support.hpp"

#include <algorithm>

using namespace duplex;
using namespace duplex::test;
using Catch::Contains;

TEST_CASE("reflection: services, methods, kinds, types and doc strings are told", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  const auto there = f.near.use<rpc::reflection>("hub");
  const auto calc = there.describe("demo.Calc").get();
  const auto method = [&](std::string_view name) {
    return *std::find_if(calc.methods.begin(), calc.methods.end(), [&](const auto& m) { return m.name == name; });
  };
  CHECK(calc.methods.size() == 10);
  CHECK(method("add").signature == "(i32, i32) -> i32");
  CHECK(method("add").doc == "a + b");
  CHECK(method("add").idempotent);
  CHECK_FALSE(method("divide").idempotent);
  CHECK(method("ticks").signature == "(i32) -> stream of i32");
  CHECK(method("notify").signature == "(string, fn(demo.event) -> void) -> i32");
  CHECK(method("add").kind == "unary");
  CHECK(method("ticks").kind == "server stream");
  CHECK(method("sum").kind == "client stream");
  CHECK(method("chat").kind == "both ways");
  CHECK(method("log").kind == "one-way");
  CHECK(method("shell").kind == "bytes");
  REQUIRE(calc.types.size() == 1);
  CHECK(calc.types[0].name == "demo.event");
  CHECK(calc.types[0].fields[1].name == "n");
  CHECK(calc.types[0].fields[1].type == "i32");
  CHECK(there.list().get().size() == 4);
  CHECK(there.codecs().get() == std::vector<std::string>{"bytes", "cbor", "cereal", "json", "msgpack", "protobuf"});
  CHECK(code_of_call([&] { there.describe("none").get(); }) == rpc::code::not_found);
}

TEST_CASE("reflection: a key sees what it may call, and may call what it sees", "[rpc]") {
  options settings;
  settings.authorized_keys =
      "restrict,permitopen=\"demo.Calc.add:1\",permitopen=\"duplex.Reflection.*:1\" " + test_key().public_line();
  runtime rt;
  auto with = with_keys();
  with.authorized_keys = settings.authorized_keys;
  with.name = "hub";
  rpc::peer hub = rt.spawn_peer(with);
  rpc::peer me = rt.spawn_peer(with_keys());
  REQUIRE(hub.serve(calculator()));
  REQUIRE(me.connect(hub.bind("tcp://127.0.0.1:0")->str()));
  const auto calc = me.use<demo::Calc>("hub");
  CHECK(calc.add(1, 2).get() == 3);
  CHECK(text_of_call([&] { calc.divide(1, 1).get(); }) ==
        "permission_denied: the key may not call 'demo.Calc.divide' (permitopen)");
  CHECK(code_of_call([&] {
          for (const int i : calc.ticks(1)) (void)i;
        }) == rpc::code::permission_denied);
  const auto seen = me.use<rpc::reflection>("hub").describe("demo.Calc").get();
  REQUIRE(seen.methods.size() == 1);
  CHECK(seen.methods[0].name == "add");
}

TEST_CASE("health: serving until it is said otherwise, and whoever watches is told", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  const auto there = f.near.use<rpc::health>("hub");
  CHECK(there.check("").get() == "serving");
  CHECK(there.check("demo.Calc").get() == "serving");
  CHECK(code_of_call([&] { there.check("none").get(); }) == rpc::code::not_found);
  auto watched = there.watch("demo.Calc");
  CHECK(watched.get() == "serving");
  f.far.set_health("demo.Calc", false);
  CHECK(watched.get() == "not_serving");
  CHECK(there.check("demo.Calc").get() == "not_serving");
  f.far.set_health("demo.Calc", true);
  CHECK(watched.get() == "serving");
}

TEST_CASE("duplex.Peer: tells who it is, who calls, and what it holds", "[rpc]") {
  rpc_pair f;
  const auto there = f.near.use<rpc::introspection>("hub");
  const auto self = there.self().get();
  CHECK(self.name == "hub");
  CHECK(self.fingerprint == test_key().fingerprint());
  CHECK(self.endpoints == std::vector<std::string>{f.where});
  const auto caller = there.caller().get();
  CHECK(caller.name == "me");
  CHECK(caller.fingerprint == test_key().fingerprint());
  const auto sessions = there.sessions().get();
  REQUIRE(sessions.size() == 1);
  CHECK(sessions[0].peer == "me");
  CHECK_FALSE(sessions[0].dialled);
  REQUIRE(sessions[0].channels.size() == 1);
  CHECK(sessions[0].channels[0].service == "@rpc");
}

TEST_CASE("call channels: as many as there are sessions to the peer, small calls share them", "[rpc]") {
  options two;
  two.sessions = 2;
  rpc_pair f{pair::loopback, two};
  REQUIRE(f.far.serve(calculator()));
  REQUIRE(eventually([&] { return f.hub.sessions()->size() == 2; }));
  (void)f.near.use<demo::Calc>();  // learns of the sessions
  const auto calc = f.near.use<demo::Calc>("hub");
  for (int i = 0; i < 20; ++i) CHECK(calc.add(i, 1).get() == i + 1);
  const auto sessions = *f.hub.sessions();
  for (const auto& session : sessions) CHECK(session.channels.size() == 1);
}

TEST_CASE("a peer with RPC that ends leaves nothing behind, whatever its handlers hold", "[rpc]") {
  const auto held = std::make_shared<int>();
  {
    rpc_pair f;
    const auto kept = std::make_shared<rpc::fn<void(demo::event)>>();
    demo::Calc some;
    some.notify = [held, kept, me = f.near, calc = f.far.use<demo::Calc>("me")](std::string,
                                                                                rpc::fn<void(demo::event)> on) {
      *kept = std::move(on);
      return 1;
    };
    REQUIRE(f.far.serve(some));
    CHECK(f.near.use<demo::Calc>("hub").notify("x", [held](demo::event) {}).get() == 1);
    f.far.intercept(rpc::side::handler, [held] { return nullptr; });
  }
  CHECK(held.use_count() == 1);
}
