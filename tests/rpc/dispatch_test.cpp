// SPDX-License-Identifier: BSD-2-Clause
#include "rpc/dispatch.hpp"
#include "tests/rpc/support.hpp"

#include <caf/send.hpp>

#include <map>
#include <memory>

using namespace duplex;
using namespace duplex::test;
using Catch::Contains;

namespace {

struct Work {
  rpc::fn<std::string(std::string), rpc::idempotent> who;
  rpc::fn<std::string(int)> hold;  // until it is cancelled
};

struct Slow {
  rpc::fn<std::string(int)> once;
  rpc::fn<std::string(int), rpc::idempotent> often;
};

/// A client and several workers, each of which says its name.
struct crew {
  explicit crew(std::vector<std::string> names) {
    for (auto& name : names) join(name);
  }

  rpc::peer& join(const std::string& name, const rpc::serve_options& how = {}) {
    options of;
    of.name = name;
    auto& made = workers[name] = rt.spawn_peer(with_keys(of));
    Work work;
    work.who = [name](const std::string&) { return name; };
    work.hold = [name](int) -> rpc::task<std::string> {
      const auto executor = co_await asio::this_coro::executor;
      asio::steady_timer for_ever{executor, asio::steady_timer::time_point::max()};
      co_await for_ever.async_wait(asio::use_awaitable);
      co_return name;
    };
    REQUIRE(made.serve(work, how));
    const auto at = made.bind("tcp://127.0.0.1:0");
    REQUIRE(at);
    REQUIRE(me.connect(at->str()));
    return made;
  }

  runtime rt{runtime_options{2, {}}};
  rpc::peer me = rt.spawn_peer(with_keys());
  std::map<std::string, rpc::peer> workers;
};

}  // namespace

TEST_CASE("dispatch: the one after the last, in the order of names, also when that is gone", "[rpc]") {
  const std::vector<std::string> names{"a", "c", "e"};
  CHECK(rpc::detail::after(names, "") == "a");
  CHECK(rpc::detail::after(names, "a") == "c");
  CHECK(rpc::detail::after(names, "d") == "e");
  CHECK(rpc::detail::after(names, "e") == "a");
}

TEST_CASE("dispatch: a key stays with its peer while others come and go, and keys are spread", "[rpc]") {
  const std::vector<std::string> few{"a", "b", "c"}, more{"a", "b", "c", "d"};
  std::map<std::string, int> share;
  int moved = 0;
  for (int i = 0; i < 400; ++i) {
    const auto key = "key" + std::to_string(i);
    const auto before = rpc::detail::sticky(few, key), now = rpc::detail::sticky(more, key);
    ++share[before];
    if (now != before) {
      CHECK(now == "d");
      ++moved;
    }
  }
  for (const auto& [name, count] : share) CHECK(count > 80);
  CHECK(moved > 50);
  CHECK(moved < 160);
}

TEST_CASE("dispatch: calls without a peer's name take turns", "[rpc]") {
  crew f{{"a", "b", "c"}};
  const auto work = f.me.use<Work>();
  std::map<std::string, int> turns;
  for (int i = 0; i < 30; ++i) ++turns[work.who("?").get()];
  CHECK(turns == std::map<std::string, int>{{"a", 10}, {"b", 10}, {"c", 10}});
}

TEST_CASE("dispatch: peers that do not serve a method are passed over", "[rpc]") {
  crew f{{"a", "b"}};
  options of;
  of.name = "0";
  rpc::peer other = f.rt.spawn_peer(with_keys(of));
  REQUIRE(f.me.connect(other.bind("tcp://127.0.0.1:0")->str()));
  const auto work = f.me.use<Work>();
  std::map<std::string, int> turns;
  for (int i = 0; i < 20; ++i) ++turns[work.who("?").get()];
  CHECK(turns.size() == 2);
  CHECK(std::abs(turns["a"] - turns["b"]) <= 1);
}

TEST_CASE("dispatch: the peer with the fewest calls under way gets the next", "[rpc]") {
  crew f{{"a", "b"}};
  const auto work = f.me.use<Work>({}, {.balance = rpc::balance::least_pending});
  std::vector<rpc::call<std::string>> held;
  for (int i = 0; i < 3; ++i) held.push_back(f.me.use<Work>("a").hold(0));
  for (int i = 0; i < 4; ++i) CHECK(work.who("?").get() == "b");
}

TEST_CASE("dispatch: calls with the same key go to the same peer", "[rpc]") {
  crew f{{"a", "b", "c"}};
  const auto work = f.me.use<Work>();
  const auto first = work.who("?", {.sticky = "alice"}).get();
  for (int i = 0; i < 10; ++i) CHECK(work.who("?", {.sticky = "alice"}).get() == first);
}

TEST_CASE("dispatch: a call that a full peer refuses is taken by the next one", "[rpc]") {
  crew f{{}};
  f.join("a", {.max_running = 1});
  f.join("b");
  auto held = f.me.use<Work>("a").hold(0);
  REQUIRE(eventually(
      [&] { return code_of_call([&] { f.me.use<Work>("a").who("?").get(); }) == rpc::code::resource_exhausted; }));
  const auto work = f.me.use<Work>();
  for (int i = 0; i < 6; ++i) CHECK(work.who("?").get() == "b");
  CHECK(text_of_call([&] { f.me.use<Work>("a").who("?").get(); }) ==
        "resource_exhausted: 1 calls of 'Work' are running, its limit");
}

TEST_CASE("dispatch: without any peer a call is unavailable", "[rpc]") {
  runtime rt;
  rpc::peer alone = rt.spawn_peer(with_keys());
  CHECK(code_of_call([&] { alone.use<Work>().who("?").get(); }) == rpc::code::unavailable);
}

TEST_CASE("dispatch: what was under way at a lost peer is done by another if it is idempotent, else not", "[rpc]") {
  crew f{{"a", "b"}};
  std::map<std::string, std::atomic<int>> begun;
  std::atomic<bool> release{false};
  for (const auto* name : {"a", "b"}) {
    begun[name] = 0;
    auto handler = [&begun, &release, name](int) -> rpc::task<std::string> {
      ++begun[name];
      const auto executor = co_await asio::this_coro::executor;
      while (!release) co_await asio::post(executor, asio::use_awaitable);
      co_return name;
    };
    REQUIRE(f.workers[name].serve(Slow{.once = handler, .often = handler}));
  }
  const auto slow = f.me.use<Slow>();
  auto often = slow.often(0);
  auto once = slow.once(0);
  // Both peers are lost; a third one takes what may be done twice.
  REQUIRE(eventually([&] { return begun["a"] + begun["b"] == 2; }));
  f.join("c");
  auto handler = [](int) { return std::string{"c"}; };
  REQUIRE(f.workers["c"].serve(Slow{.once = handler, .often = handler}));
  for (const auto* name : {"a", "b"}) caf::anon_send_exit(f.workers[name].actor(), caf::exit_reason::kill);
  CHECK(code_of_call([&] { once.get(); }) == rpc::code::unavailable);
  CHECK(often.get() == "c");
  release = true;
}

TEST_CASE("dispatch: a peer that leaves under load fails no call", "[rpc]") {
  crew f{{"a", "b", "c"}};
  const auto work = f.me.use<Work>();
  std::atomic<bool> stop{false};
  std::atomic<int> done{0};
  std::string failed;
  std::thread load{[&] {
    while (!stop) {
      std::vector<rpc::call<std::string>> batch;
      for (int i = 0; i < 32; ++i) batch.push_back(work.who("?"));
      for (auto& one : batch) {
        try {
          one.get();
          ++done;
        } catch (const rpc::failure& why) {
          failed = why.what();
        }
      }
    }
  }};
  CHECK(eventually([&] { return done > 100; }));
  CHECK(f.workers["b"].shutdown());
  const int before = done;
  CHECK(eventually([&] { return done > before + 200; }));
  stop = true;
  load.join();
  CHECK(failed.empty());
}

TEST_CASE("dispatch: an idle call channel does not keep a peer from leaving", "[rpc]") {
  options patient;
  patient.linger = 120s;  // more than the test may take
  rpc_pair f{pair::loopback, patient};
  REQUIRE(f.far.serve(calculator()));
  CHECK(f.near.use<demo::Calc>("hub").add(1, 2).get() == 3);
  CHECK(f.hub.shutdown());
}

TEST_CASE("dispatch: a tenth of all calls, and a hundred in reserve, may be tried again", "[rpc]") {
  rpc::detail::retry_budget budget;
  for (int i = 0; i < 100; ++i) CHECK(budget.take());
  CHECK_FALSE(budget.take());
  for (int i = 0; i < 11; ++i) budget.call();
  CHECK(budget.take());
  CHECK_FALSE(budget.take());
  for (int i = 0; i < 10'000; ++i) budget.call();
  int left = 0;
  while (budget.take()) ++left;
  CHECK(left == 100);
}

TEST_CASE("dispatch: turns stay fair when a peer joins", "[rpc]") {
  crew f{{"a", "b"}};
  const auto work = f.me.use<Work>();
  for (int i = 0; i < 4; ++i) CHECK_FALSE(work.who("?").get().empty());
  f.join("c");
  REQUIRE(eventually([&] { return work.who("?").get() == "c"; }));
  std::map<std::string, int> turns;
  for (int i = 0; i < 30; ++i) ++turns[work.who("?").get()];
  CHECK(turns == std::map<std::string, int>{{"a", 10}, {"b", 10}, {"c", 10}});
}
