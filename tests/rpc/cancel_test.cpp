// SPDX-License-Identifier: BSD-2-Clause
#include "tests/rpc/waiting.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <random>

using namespace duplex;
using namespace duplex::test;
using rpc::code;
using rpc::failure;
using rpc::stream;
using rpc::task;

namespace {

struct demo_log {
  rpc::fn<rpc::oneway(std::string)> log;
};

const std::vector<std::string> both{"stopped", "aborted"};

struct events {
  seen<int> begun;
  seen<std::string> ended;
};

/// Methods that wait, and tell when they begin and how they end.
struct waiting_pair : events, rpc_pair {
  waiting_pair() {
    REQUIRE(far.handle("t.hang", [this](const rpc::context& about) -> task<int> {
      const std::stop_callback stopped{about.stop(), [this] { ended.add("stopped"); }};
      begun.add(1);
      co_await forever(&ended);
      co_return 1;
    }));
    REQUIRE(far.handle("t.out", [this](const rpc::context& about) -> stream<int> {
      const std::stop_callback stopped{about.stop(), [this] { ended.add("stopped"); }};
      begun.add(1);
      co_yield 1;
      co_await forever(&ended);
    }));
    REQUIRE(far.handle("t.in", [this](stream<int> in) -> task<int> {
      begun.add(1);
      try {
        while (co_await in.next()) continue;
        ended.add("clean");
      } catch (const failure& why) {
        ended.add(std::string{to_string(why.code())});
      } catch (const boost::system::system_error&) {
        ended.add("aborted");
      }
      co_return 1;
    }));
  }
};

}  // namespace

TEST_CASE("cancel: a call that is dropped stops its handler", "[rpc]") {
  waiting_pair f;
  SECTION("unary") {
    auto call = f.near.method<int()>("t.hang", "hub")();
    f.begun.wait_for(1);
    { const auto gone = std::move(call); }
    CHECK(f.ended.wait_for(2) == both);
  }
  SECTION("a stream of results") {
    auto objects = f.near.method<stream<int>()>("t.out", "hub")();
    CHECK(objects.get() == 1);
    f.begun.wait_for(1);
    { const auto gone = std::move(objects); }
    CHECK(f.ended.wait_for(2) == both);
  }
  SECTION("a stream of arguments") {
    auto [out, in] = rpc::pipe<int>();
    auto call = f.near.method<int(stream<int>)>("t.in", "hub")(std::move(in));
    f.begun.wait_for(1);
    out.put(1);
    { const auto gone = std::move(call); }
    CHECK(f.ended.wait_for(1).at(0) != "clean");
    // Whoever writes is told.
    CHECK(eventually([&, &to = out] {
      int one = 1;
      return code_of_call([&] { to.try_write(one); }) == code::cancelled;
    }));
  }
}

TEST_CASE("cancel: an Asio cancellation slot reaches the handler", "[rpc]") {
  asio::io_context io;  // outlives the runtime, whose threads post to it
  waiting_pair f;
  const auto hang = f.near.method<int()>("t.hang", "hub");
  asio::cancellation_signal signal;
  std::exception_ptr thrown;
  asio::co_spawn(
      io,
      [&]() -> task<void> {
        auto call = hang();
        co_await std::move(call);
      },
      asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr why) { thrown = std::move(why); }));
  while (f.begun.wait_for(0).empty()) io.poll();
  signal.emit(asio::cancellation_type::all);
  io.run();
  REQUIRE(thrown);
  CHECK_THROWS_AS(std::rethrow_exception(thrown), boost::system::system_error);
  CHECK(f.ended.wait_for(2) == both);
}

TEST_CASE("cancel: a handler that waits for a channel or a peer is cancelled there", "[rpc]") {
  waiting_pair f;
  REQUIRE(f.far.handle("t.read", [&](channel from) -> task<int> {
    f.begun.add(1);
    const auto got = co_await from.async_read_frame();
    f.ended.add(got.error().code() == errc::cancelled ? "cancelled" : got.error().message());
    co_return 1;
  }));
  REQUIRE(f.far.handle("t.accept", [&]() -> task<int> {
    f.begun.add(1);
    const auto got = co_await f.hub.async_accept("nobody-opens-it");
    f.ended.add(got.error().code() == errc::cancelled ? "cancelled" : got.error().message());
    co_return 1;
  }));
  SECTION("a channel") {
    const auto kept = f.open();
    auto call = f.near.method<int(channel)>("t.read", "hub")(kept.first);
    f.begun.wait_for(1);
    { const auto gone = std::move(call); }
    CHECK(f.ended.wait_for(1) == std::vector<std::string>{"cancelled"});
  }
  SECTION("a peer, by the deadline") {
    auto call = f.near.method<int()>("t.accept", "hub")({.deadline = 50ms});
    CHECK(code_of_call([&] { call.get(); }) == code::deadline_exceeded);
    CHECK(f.ended.wait_for(1) == std::vector<std::string>{"cancelled"});
  }
}

TEST_CASE("cancel: calls made within a call end with it, and no later", "[rpc]") {
  seen<std::string> inner;
  std::optional<rpc::context::clock::time_point> due;
  waiting_pair f;
  REQUIRE(f.near.handle("t.inner", [&](const rpc::context& about) -> task<int> {
    due = about.deadline();
    inner.add("begun");
    co_await forever(&inner);
    co_return 1;
  }));
  REQUIRE(f.far.handle("t.outer", [&](const rpc::context& about) -> task<int> {
    auto call = f.far.method<int()>("t.inner", "me")({.deadline = rpc::infinite, .within = &about});
    const int got = co_await std::move(call);
    co_return got;
  }));
  const auto outer = f.near.method<int()>("t.outer", "hub");
  SECTION("dropped") {
    auto call = outer({.deadline = 1h});
    inner.wait_for(1);
    { const auto gone = std::move(call); }
    CHECK(inner.wait_for(2).size() == 2);
    CHECK(*due < rpc::context::clock::now() + 2h);
  }
  SECTION("late") {
    CHECK(code_of_call([&] { outer({.deadline = 300ms}).get(); }) == code::deadline_exceeded);
    const auto what = inner.wait_for(2);
    CHECK((what.empty() || what.size() == 2));
  }
}

TEST_CASE("cancel: thousands of calls dropped at any moment leave nothing behind", "[rpc]") {
  waiting_pair f;
  REQUIRE(f.far.serve(calculator()));
  const auto calc = f.near.use<demo::Calc>("hub");
  const auto hang = f.near.method<int()>("t.hang", "hub");
  std::mt19937 random{7};
  std::vector<rpc::call<int>> small;
  std::vector<stream<int>> streams;
  for (int i = 0; i < 3000; ++i) {
    switch (random() % 4) {
      case 0:
        small.push_back(hang());
        break;
      case 1:
        small.push_back(calc.add(i, 1));
        break;
      case 2:
        if (i % 10 == 0) streams.push_back(calc.ticks(1000));
        break;
      default:
        if (i % 10 == 0) small.push_back(calc.notify("x", [](demo::event) {}));
        break;
    }
    if (small.size() > random() % 40) small.erase(small.begin());
    if (streams.size() > random() % 8) streams.erase(streams.begin());
  }
  small.clear();
  streams.clear();
  CHECK(calc.add(1, 2).get() == 3);
  const auto begun = f.begun.wait_for(0).size();
  CHECK(f.ended.wait_for(2 * begun).size() == 2 * begun);
  CHECK(eventually([&] { return f.near.lent() == 0; }));
}

TEST_CASE("cancel: nobody waits for a one-way call, whose handler has a deadline all the same", "[rpc]") {
  seen<std::string> ended;
  seen<std::size_t> sizes;
  rpc_pair f;
  REQUIRE(f.far.serve(demo_log{.log = [&](std::string text) -> task<void> {
    sizes.add(text.size());
    if (text == "hang") co_await forever(&ended);
  }}));
  const auto log = f.near.use<demo_log>("hub").log;
  log(std::string(300 << 10, 'x'));  // on a channel of its own
  CHECK(sizes.wait_for(1) == std::vector<std::size_t>{300 << 10});
  log("hang", {.deadline = 50ms});
  CHECK(ended.wait_for(1) == std::vector<std::string>{"aborted"});
}
