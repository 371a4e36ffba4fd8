// SPDX-License-Identifier: BSD-2-Clause
#include "tests/rpc/waiting.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

using namespace duplex;
using namespace duplex::test;
using Catch::Contains;
using rpc::code;
using rpc::failure;
using rpc::stream;
using rpc::task;

namespace {

/// How a handler's stream of arguments ended.
auto reader(seen<int>& got, seen<std::string>& ended) {
  return [&](stream<int> in) -> task<int> {
    try {
      while (auto x = co_await in.next()) got.add(*x);
      ended.add("clean");
    } catch (const failure& why) {
      ended.add(std::string{to_string(why.code())});
    } catch (const boost::system::system_error&) {
      ended.add("aborted");
    }
    co_return 0;
  };
}

/// A hub in a process of its own, which serves a method that never answers. Fork before there is any thread.
struct forked_hub {
  forked_hub() {
    int pipe[2];
    if (::pipe(pipe) != 0) FAIL("pipe");
    pid = fork();
    if (pid == 0) {
      runtime rt;
      options named;
      named.name = "hub";
      rpc::peer hub = rt.spawn_peer(with_keys(named));
      seen<std::string> ended;
      (void)hub.handle("t.hang", [&](int) -> task<int> {
        co_await forever(&ended);
        co_return 1;
      });
      (void)hub.handle("t.add", [](int a, int b) { return a + b; });
      const auto at = hub.bind(pair::loopback);
      const auto text = at ? at->str() + "\n" : std::string{"\n"};
      (void)!::write(pipe[1], text.data(), text.size());
      for (;;) pause();
    }
    char c = 0;
    while (::read(pipe[0], &c, 1) == 1 && c != '\n') where += c;
    ::close(pipe[0]);
    ::close(pipe[1]);
  }
  ~forked_hub() { kill(); }
  void kill() {
    if (pid <= 0) return;
    ::kill(pid, SIGKILL);
    ::waitpid(std::exchange(pid, 0), nullptr, 0);
  }
  pid_t pid = 0;
  std::string where;
};

}  // namespace

TEST_CASE("session end: a hub killed under 64 calls leaves none of them waiting", "[rpc]") {
  (void)test_key();  // the same in both processes
  forked_hub hub;
  runtime rt;
  options named;
  named.name = "me";
  rpc::peer me = rt.spawn_peer(with_keys(named));
  REQUIRE(me.connect(hub.where));
  REQUIRE(me.method<int(int, int)>("t.add", "hub")(1, 2).get() == 3);
  const auto hang = me.method<int(int)>("t.hang", "hub");
  std::vector<rpc::call<int>> calls;
  for (int i = 0; i < 64; ++i) calls.push_back(hang(i, {.deadline = rpc::infinite}));
  REQUIRE(me.method<int(int, int)>("t.add", "hub")(3, 4).get() == 7);
  hub.kill();
  for (auto& one : calls) CHECK(code_of_call([&] { one.get(); }) == code::unavailable);
}

TEST_CASE("session end: a client that goes in mid-stream never looks like a clean end", "[rpc]") {
  seen<int> got;
  seen<std::string> ended;
  rpc_pair f;
  REQUIRE(f.far.handle("t.read", reader(got, ended)));
  auto [out, in] = rpc::pipe<int>();
  SECTION("its peer shuts down") {
    auto call = f.near.method<int(stream<int>)>("t.read", "hub")(std::move(in));
    out.put(1);
    got.wait_for(1);
    REQUIRE(f.near.shutdown());
    CHECK(code_of_call([&] { call.get(); }) == code::unavailable);
  }
  SECTION("its runtime is destroyed") {
    std::optional<rpc::call<int>> call;
    {
      runtime other;
      options named;
      named.name = "other";
      rpc::peer client = other.spawn_peer(with_keys(named));
      REQUIRE(client.connect(f.where));
      call.emplace(client.method<int(stream<int>)>("t.read", "hub")(std::move(in)));
      out.put(1);
      got.wait_for(1);
    }
    CHECK(code_of_call([&] { call->get(); }) == code::unavailable);
    // Nothing of that runtime waits for the pipe any more.
    int one = 1;
    CHECK(code_of_call([&, &to = out] { to.try_write(one); }) == code::cancelled);
  }
  const auto how = ended.wait_for(1).at(0);
  CHECK((how == "cancelled" || how == "aborted"));
}

TEST_CASE("session end: a stream of results that loses its hub fails at the reader", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.handle("t.endless", []() -> stream<int> {
    for (int i = 0;; ++i) co_yield i;
  }));
  auto objects = f.near.method<stream<int>()>("t.endless", "hub")();
  REQUIRE(objects.get() == 0);
  REQUIRE(f.me.disconnect(f.where));
  const auto read = [&] {
    while (objects.get()) continue;
  };
  CHECK(code_of_call(read) == code::unavailable);
}

TEST_CASE("session end: a stream of results that had come whole is read whole", "[rpc]") {
  constexpr int all = 50;
  rpc_pair f;
  REQUIRE(f.far.handle("t.words", [word = std::string(100, 'x')]() -> stream<std::string> {
    for (int i = 0; i < all; ++i) co_yield word;
  }));
  auto objects = f.near.method<stream<std::string>()>("t.words", "hub")();
  REQUIRE(objects.get());
  // Closed there, it has left before what answers the ping.
  REQUIRE(eventually([&] {
    const auto sessions = f.hub.sessions();
    return sessions && sessions->size() == 1 &&
           std::none_of(sessions->at(0).channels.begin(), sessions->at(0).channels.end(),
                        [](const channel_report& each) { return each.service == "t.words"; });
  }));
  REQUIRE(f.me.ping("hub"));
  SECTION("the session was ended here") { REQUIRE(f.me.disconnect(f.where)); }
  SECTION("the hub drops it") { REQUIRE(f.hub.drop("me")); }
  REQUIRE(eventually([&] {
    const auto sessions = f.me.sessions();
    return sessions && sessions->empty();
  }));
  int count = 1;
  while (objects.get()) ++count;
  CHECK(count == all);
}

TEST_CASE("session end: handles outlive their runtime, and say so", "[rpc]") {
  std::optional<demo::Calc> calc;
  std::optional<rpc::call<int>> under_way;
  std::optional<stream<int>> objects;
  rpc::fn<void()> kept;
  seen<std::string> ended;
  {
    rpc_pair f;
    REQUIRE(f.far.serve(calculator()));
    REQUIRE(f.far.handle("t.hang", [&]() -> task<int> {
      co_await forever(&ended);
      co_return 1;
    }));
    REQUIRE(f.far.handle("t.give", []() -> rpc::fn<void()> { return [] {}; }));
    calc = f.near.use<demo::Calc>("hub");
    REQUIRE(calc->add(1, 2).get() == 3);
    under_way.emplace(f.near.method<int()>("t.hang", "hub")());
    objects.emplace(calc->ticks(100000));
    REQUIRE(objects->get() == 0);
    kept = f.near.method<rpc::fn<void()>()>("t.give", "hub")().get();
  }
  CHECK(code_of_call([&] { under_way->get(); }) == code::unavailable);
  CHECK(code_of_call([&] { calc->add(1, 2).get(); }) == code::unavailable);
  CHECK(code_of_call([&] { kept().get(); }) == code::unavailable);
  const auto read = [&] {
    while (objects->get()) continue;
  };
  CHECK(code_of_call(read) == code::unavailable);
}

TEST_CASE("session end: a method that is withdrawn in mid-stream ends its streams whole", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.handle("t.words", [word = std::string(100, 'x')]() -> stream<std::string> {
    for (int i = 0; i < 5000; ++i) co_yield word;
  }));
  auto objects = f.near.method<stream<std::string>()>("t.words", "hub")();
  REQUIRE(objects.get());
  REQUIRE(f.far.withdraw("t.words"));
  int count = 1;
  while (objects.get()) ++count;
  CHECK(count == 5000);
}

TEST_CASE("session end: within a process it is the same", "[rpc]") {
  seen<int> got;
  seen<std::string> ended;
  rpc_pair f{"inproc://session_end"};
  REQUIRE(f.far.handle("t.read", reader(got, ended)));
  REQUIRE(f.far.handle("t.keep", [](rpc::fn<void()> it) { return it; }));
  seen<int> called;
  const auto back = f.near.method<rpc::fn<void()>(rpc::fn<void()>)>("t.keep", "hub")([&] { called.add(1); }).get();
  back().get();
  CHECK(called.wait_for(1).size() == 1);
  auto [out, in] = rpc::pipe<int>();
  auto call = f.near.method<int(stream<int>)>("t.read", "hub")(std::move(in));
  out.put(1);
  got.wait_for(1);
  REQUIRE(f.me.disconnect(f.where));
  CHECK(code_of_call([&] { call.get(); }) == code::unavailable);
  const auto how = ended.wait_for(1).at(0);
  CHECK((how == "cancelled" || how == "aborted"));
}
