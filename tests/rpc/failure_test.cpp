// SPDX-License-Identifier: BSD-2-Clause
#include "tests/rpc/waiting.hpp"

using namespace duplex;
using namespace duplex::test;
using Catch::Contains;
using rpc::code;
using rpc::failure;
using rpc::stream;
using rpc::task;

namespace {

void fail_as(const std::string& how) {
  if (how == "failure") throw failure{code::aborted, "it did not work"};
  if (how == "ok") throw failure{code::ok, "it worked"};
  if (how == "exception") throw std::runtime_error{"broken"};
  throw 7;
}

std::string said(const std::string& how) {
  if (how == "failure") return "aborted: it did not work";
  if (how == "ok") return "internal: a failure was thrown that says ok";
  if (how == "exception") return "internal: broken";
  return "internal: something was thrown that is no std::exception";
}

}  // namespace

TEST_CASE("failure: whatever a handler throws ends its call, not the session", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.handle("t.plain", [](std::string how) {
    fail_as(how);
    return 1;
  }));
  REQUIRE(f.far.handle("t.coroutine", [](std::string how) -> task<int> {
    fail_as(how);
    co_return 1;
  }));
  REQUIRE(f.far.handle("t.stream", [](std::string how) -> stream<int> {
    co_yield 1;
    fail_as(how);
  }));
  REQUIRE(f.far.handle("t.no_stream", [](std::string how) -> stream<int> {
    fail_as(how);
    return std::vector<int>{};
  }));
  const auto plain = f.near.method<int(std::string)>("t.plain", "hub");
  const auto coroutine = f.near.method<int(std::string)>("t.coroutine", "hub");
  const auto streamed = f.near.method<stream<int>(std::string)>("t.stream", "hub");
  const auto none = f.near.method<stream<int>(std::string)>("t.no_stream", "hub");
  for (const std::string how : {"failure", "ok", "exception", "int"}) {
    CHECK(text_of_call([&] { plain(how).get(); }) == said(how));
    CHECK(text_of_call([&] { coroutine(how).get(); }) == said(how));
    auto objects = streamed(how);
    CHECK(objects.get() == 1);
    CHECK(text_of_call([&] { objects.get(); }) == said(how));
    CHECK(text_of_call([&] { none(how).get(); }) == said(how));
  }
}

TEST_CASE("failure: texts of any length arrive, cut, on both kinds of channels", "[rpc]") {
  rpc_pair f;
  const std::string text = std::string(100000, '\n') + '\0';
  REQUIRE(f.far.handle("t.plain", [&]() -> int { throw std::runtime_error{text}; }));
  REQUIRE(f.far.handle("t.stream", [&]() -> stream<int> {
    throw std::runtime_error{text};
    co_yield 1;
  }));
  auto plain = f.near.method<int()>("t.plain", "hub")();
  CHECK(code_of_call([&] { plain.get(); }) == code::internal);
  CHECK(plain.status().message() == std::string(2048, '\n'));
  CHECK(text_of_call([&] { f.near.method<stream<int>()>("t.stream", "hub")().get(); }) ==
        "internal: " + std::string(2048, '\n'));
}

TEST_CASE("failure: a deadline ends the call at the caller and cancels the handler", "[rpc]") {
  seen<std::string> ended;
  rpc_pair f;
  const auto hang = [&](const rpc::context& about) -> task<int> {
    const std::stop_callback stopped{about.stop(), [&] { ended.add("stopped"); }};
    co_await forever(&ended);
    co_return 1;
  };
  REQUIRE(f.far.handle("t.hang", hang));
  REQUIRE(f.far.handle("t.hang_stream", [&](const rpc::context& about) -> stream<int> {
    const std::stop_callback stopped{about.stop(), [&] { ended.add("stopped"); }};
    co_yield 1;
    co_await forever(&ended);
  }));
  SECTION("unary") {
    const auto method = f.near.method<int()>("t.hang", "hub");
    CHECK(text_of_call([&] { method({.deadline = 20ms}).get(); }) == "deadline_exceeded: t.hang: the deadline passed");
  }
  SECTION("a stream of results") {
    auto objects = f.near.method<stream<int>()>("t.hang_stream", "hub")({.deadline = 200ms});
    const auto read = [&] {
      while (objects.get()) continue;
    };
    CHECK(text_of_call(read) == "deadline_exceeded: t.hang_stream: the deadline passed");
  }
  CHECK(ended.wait_for(2) == std::vector<std::string>{"stopped", "aborted"});
}

TEST_CASE("failure: a result after the deadline changes nothing", "[rpc]") {
  seen<std::string> events;
  rpc_pair f;
  REQUIRE(f.far.handle("t.late", [&]() -> task<int> {
    try {
      co_await forever(&events);
    } catch (const boost::system::system_error&) {
      events.add("answers all the same");
    }
    co_return 1;
  }));
  auto call = f.near.method<int()>("t.late", "hub")({.deadline = 20ms});
  CHECK(code_of_call([&] { call.get(); }) == code::deadline_exceeded);
  CHECK(events.wait_for(2).size() == 2);
  CHECK(call.status().code() == code::deadline_exceeded);
}

TEST_CASE("failure: a deadline that has passed already sends nothing", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  const auto calc = f.near.use<demo::Calc>("hub");
  CHECK(code_of_call([&] { calc.add(1, 2, {.deadline = 0ms}).get(); }) == code::deadline_exceeded);
  CHECK(code_of_call([&] { calc.ticks(2, {.deadline = -1ms}).get(); }) == code::deadline_exceeded);
  CHECK(calc.add(1, 2, {.deadline = rpc::infinite}).get() == 3);
}

TEST_CASE("failure: a handler that never reads its stream still answers", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.handle("t.deaf", [](stream<std::string>) { return 1; }));
  auto endless = []() -> stream<std::string> {
    for (;;) co_yield std::string(1000, 'x');
  };
  CHECK(f.near.method<int(stream<std::string>)>("t.deaf", "hub")(endless()).get() == 1);
  CHECK(f.near.method<int(stream<std::string>)>("t.deaf", "hub")(endless()).get() == 1);
}

TEST_CASE("failure: a stream that fails at the caller ends with that at both sides", "[rpc]") {
  seen<std::string> ends;
  rpc_pair f;
  REQUIRE(f.far.handle("t.sum", [&](stream<int> in) -> task<int> {
    int sum = 0;
    try {
      while (auto x = co_await in.next()) sum += *x;
      ends.add("clean");
    } catch (const failure& why) {
      ends.add(std::string{to_string(why.code())});
    }
    co_return sum;
  }));
  auto broken = []() -> stream<int> {
    co_yield 1;
    throw std::runtime_error{"no more"};
  };
  CHECK(text_of_call([&] { f.near.method<int(stream<int>)>("t.sum", "hub")(broken()).get(); }) == "internal: no more");
  CHECK(ends.wait_for(1) == std::vector<std::string>{"cancelled"});
}

TEST_CASE("failure: wrong arguments are named, at the handler's side", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  for (const auto codec : {"msgpack", "cbor", "json"}) {
    const auto add = f.near.method<int(int, std::string)>("demo.Calc.add", "hub", {.codec = codec});
    CHECK_THAT(text_of_call([&] { add(1, "two").get(); }),
               Contains("invalid_argument: demo.Calc.add: ") && Contains("[1]: expected an integer, got a string"));
    const auto few = f.near.method<int(int)>("demo.Calc.add", "hub", {.codec = codec});
    CHECK(code_of_call([&] { few(1).get(); }) == code::invalid_argument);
    const auto echo = f.near.method<int(std::string)>("demo.Calc.echo", "hub", {.codec = codec});
    CHECK_THAT(text_of_call([&] { echo("x").get(); }), Contains("internal: the result of demo.Calc.echo: "));
  }
}

TEST_CASE("failure: what cannot be said in a call's frame is refused by the caller", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  const auto named = f.near.method<int()>(std::string(300, 'x'), "hub");
  CHECK(code_of_call([&] { named().get(); }) == code::invalid_argument);
  const auto calc = f.near.use<demo::Calc>("hub");
  const rpc::metadata with_nul{std::string{"a=b\0c", 5}};
  CHECK(code_of_call([&] { calc.add(1, 2, {.headers = &with_nul}).get(); }) == code::invalid_argument);
  CHECK(code_of_call([&] { calc.ticks(1, {.headers = &with_nul}).get(); }) == code::invalid_argument);
  CHECK(calc.add(1, 2).get() == 3);
}

TEST_CASE("failure: an unknown codec is refused with those that are known", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  CHECK_THAT(text_of_call([&] { (void)f.near.use<demo::Calc>("hub", {.codec = "yaml"}); }),
             Contains("unimplemented: codec 'yaml' is not known here; known are ") && Contains("msgpack"));
  auto opened = f.near.open("hub", "@rpc", {"codec=yaml"});
  REQUIRE(opened);
  const auto last = opened->trailers();
  REQUIRE(last);
  CHECK_THAT(last->at(0), Contains("status=12"));
  CHECK_THAT(last->at(1), Contains("known are ") && Contains("msgpack"));
  const auto calc = f.near.use<demo::Calc>("hub");
  const auto in_json = f.near.use<demo::Calc>("hub", {.codec = "json"});
  auto one = calc.echo("a");
  auto other = in_json.echo("b");
  CHECK(one.get() + other.get() == "ab");
}
