// SPDX-License-Identifier: BSD-2-Clause
#include "tests/rpc/waiting.hpp"

using namespace duplex;
using namespace duplex::test;
using Catch::Contains;
using rpc::code;
using rpc::fn;
using rpc::stream;
using rpc::task;

namespace {

struct observer {
  std::string name;
  fn<void(int)> on;
};

task<int> call_each(std::vector<fn<int(int)>> all) {
  int sum = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto call = all[i](static_cast<int>(i));
    sum += co_await std::move(call);
  }
  co_return sum;
}

}  // namespace

TEST_CASE("callback: a function is a result, and works until it is let go", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.handle("t.adder", [](int to) -> fn<int(int)> { return [to](int x) { return x + to; }; }));
  {
    const auto add = f.near.method<fn<int(int)>(int)>("t.adder", "hub")(5).get();
    CHECK(add(2).get() == 7);
    CHECK(add(3).get() == 8);
    CHECK(f.far.lent() == 1);
  }
  CHECK(eventually([&] { return f.far.lent() == 0; }));
}

TEST_CASE("callback: a function that comes home is the one that left", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.handle("t.same", [](fn<int(int)> it) { return it; }));
  REQUIRE(f.far.handle("t.twice", [](fn<fn<int(int)>(fn<int(int)>)> through, fn<int(int)> it) -> task<int> {
    auto back = through(std::move(it));
    auto got = co_await std::move(back);
    auto call = got(20);
    co_return co_await std::move(call);
  }));
  const fn<int(int)> mine{[](int x) { return x + 1; }};
  const auto back = f.near.method<fn<int(int)>(fn<int(int)>)>("t.same", "hub")(mine).get();
  CHECK(back.at() == mine.at());
  const auto twice = f.near.method<int(fn<fn<int(int)>(fn<int(int)>)>, fn<int(int)>)>("t.twice", "hub");
  CHECK(twice(
            [&](fn<int(int)> it) {
              CHECK(it.at() == mine.at());
              return it;
            },
            mine)
            .get() == 21);
  CHECK(eventually([&] { return f.near.lent() == 0 && f.far.lent() == 0; }));
}

TEST_CASE("callback: a function is passed on to a third peer, which calls through", "[rpc]") {
  seen<std::string> heard;
  rpc_pair f;
  options third;
  third.name = "third";
  rpc::peer end = f.rt.spawn_peer(with_keys(third));
  REQUIRE(end.connect(f.where));
  REQUIRE(end.handle("t.use", [](fn<stream<int>(stream<int>)> it, fn<int(int)> small) -> task<int> {
    auto out = it(std::vector{1, 2, 3});
    int sum = 0;
    while (auto x = co_await out.next()) sum += *x;
    auto call = small(1);
    sum += co_await std::move(call);
    co_return sum;
  }));
  REQUIRE(f.far.handle("t.relay", [&](fn<stream<int>(stream<int>)> it, fn<int(int)> small) -> task<int> {
    const auto use = f.far.method<int(fn<stream<int>(stream<int>)>, fn<int(int)>)>("t.use", "third");
    auto call = use(std::move(it), std::move(small), {.deadline = rpc::infinite});
    co_return co_await std::move(call);
  }));
  const auto relay = f.near.method<int(fn<stream<int>(stream<int>)>, fn<int(int)>)>("t.relay", "hub");
  const auto twice = [](stream<int> in) -> stream<int> {
    while (auto x = co_await in.next()) co_yield 2 * *x;
  };
  CHECK(relay(twice, [](int x) { return 100 * x; }).get() == 112);
  CHECK(eventually([&] { return f.near.lent() == 0 && f.far.lent() == 0; }));
}

TEST_CASE("callback: a thousand of them, both ways", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.handle("t.each", call_each));
  REQUIRE(f.near.handle("t.each", call_each));
  std::vector<fn<int(int)>> all(1000, [](int x) { return x; });
  auto there = f.near.method<int(std::vector<fn<int(int)>>)>("t.each", "hub")(all);
  auto here = f.far.method<int(std::vector<fn<int(int)>>)>("t.each", "me")(all);
  CHECK(there.get() == 499500);
  CHECK(here.get() == 499500);
  CHECK(eventually([&] { return f.near.lent() == 0 && f.far.lent() == 0; }));
}

TEST_CASE("callback: nothing stays lent by a call that was not taken", "[rpc]") {
  seen<std::string> ended;
  rpc_pair f;
  REQUIRE(f.far.handle("t.wrong", [](fn<void()>, int) { return 1; }));
  REQUIRE(f.far.handle("t.full", [](fn<void()>) { return 1; }, {.max_running = 0}));
  REQUIRE(f.far.handle("t.hang", [&](fn<void()> kept) -> task<int> {
    co_await forever(&ended);
    co_return kept ? 1 : 0;
  }));
  const fn<void()> some{[] {}};
  CHECK(code_of_call([&] { f.near.method<int(fn<void()>)>("t.none", "hub")(some).get(); }) == code::unimplemented);
  CHECK(code_of_call([&] { f.near.method<int(fn<void()>)>("t.full", "hub")(some).get(); }) == code::resource_exhausted);
  CHECK(code_of_call([&] { f.near.method<int(fn<void()>, std::string)>("t.wrong", "hub")(some, "x").get(); }) ==
        code::invalid_argument);
  CHECK(code_of_call([&] { f.near.method<int(fn<void()>)>("t.hang", "hub")(some, {.deadline = 50ms}).get(); }) ==
        code::deadline_exceeded);
  CHECK(code_of_call([&] { f.near.method<int(fn<void()>)>("t.hang", "nobody")(some).get(); }) == code::unavailable);
  CHECK(eventually([&] { return f.near.lent() == 0; }));
}

TEST_CASE("callback: one that its handler keeps is called later, until its session ends", "[rpc]") {
  std::optional<observer> kept;
  seen<int> heard;
  rpc_pair f;
  REQUIRE(f.far.handle("t.observe", [&](observer who) { kept = std::move(who); }));
  f.near.method<void(observer)>("t.observe", "hub")({"me", [&](int x) { heard.add(x); }}).get();
  kept->on(1).get();
  CHECK(heard.wait_for(1) == std::vector<int>{1});
  CHECK(f.near.lent() == 1);
  REQUIRE(f.me.disconnect(f.where));
  CHECK(eventually([&] { return code_of_call([&] { kept->on(2).get(); }) == code::unavailable; }));
  CHECK(eventually([&] { return f.near.lent() == 0; }));
  kept.reset();
}

TEST_CASE("callback: peers that hold each other's functions let go when the session ends", "[rpc]") {
  rpc_pair f;
  struct half {
    fn<void()> other;
  };
  auto at_near = std::make_shared<half>(), at_far = std::make_shared<half>();
  const std::weak_ptr<half> near_half = at_near, far_half = at_far;
  REQUIRE(f.far.handle("t.swap", [at_far](fn<void()> other) -> fn<void()> {
    at_far->other = std::move(other);
    return [at_far] {};
  }));
  at_near->other = f.near.method<fn<void()>(fn<void()>)>("t.swap", "hub")([at_near] {}).get();
  at_near.reset();
  at_far.reset();
  CHECK(f.near.lent() + f.far.lent() == 2);
  CHECK(!near_half.expired());
  REQUIRE(f.me.disconnect(f.where));
  CHECK(eventually([&] { return near_half.expired() && f.near.lent() + f.far.lent() == 0; }));
  REQUIRE(f.far.withdraw("t.swap"));
  CHECK(eventually([&] { return far_half.expired(); }));
}

TEST_CASE("callback: a stream goes on after the function that gave it was let go", "[rpc]") {
  rpc_pair f;
  const auto text = std::make_shared<std::string>(100, 'x');
  REQUIRE(f.far.handle("t.source", [&](std::string more) -> fn<stream<std::string>()> {
    return [more = std::move(more)]() -> stream<std::string> {
      for (int i = 0; i < 5000; ++i) co_yield more;
    };
  }));
  auto source = f.near.method<fn<stream<std::string>()>(std::string)>("t.source", "hub")(*text).get();
  auto objects = source();
  CHECK(objects.get() == *text);
  source = {};
  CHECK(eventually([&] { return f.far.lent() == 0; }));
  std::size_t count = 1;
  while (objects.get()) ++count;
  CHECK(count == 5000);
}

TEST_CASE("callback: one that was never lent cannot be guessed", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  REQUIRE(f.near.use<demo::Calc>("hub").add(1, 2).get() == 3);
  for (const auto* name : {"@fn/1", "@fn/99", "@fn/", "@fn/x", "@fn/-1", "@fn/18446744073709551616"})
    CHECK(code_of_call([&] { f.near.method<int()>(name, "hub")().get(); }) == code::unimplemented);
}
