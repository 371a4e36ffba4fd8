// SPDX-License-Identifier: BSD-2-Clause
#include "tests/rpc/support.hpp"

using namespace duplex;
using namespace duplex::test;
using Catch::Contains;

TEST_CASE("call: a method of a service is called by the field of its struct", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  const auto calc = f.near.use<demo::Calc>("hub");
  CHECK(calc.add(1, 2).get() == 3);
  CHECK(calc.echo("hi").get() == "hi");
  calc.nothing().get();
  CHECK(f.near.method<int(int, int)>("demo.Calc.add", "hub")(20, 22).get() == 42);
}

TEST_CASE("call: a handler's failure is thrown at the caller, with code and text", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  const auto calc = f.near.use<demo::Calc>("hub");
  CHECK(text_of_call([&] { calc.divide(1, 0).get(); }) == "invalid_argument: division by zero");
}

TEST_CASE("call: a stream of results ends after its last object", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  const auto calc = f.near.use<demo::Calc>("hub");
  std::vector<int> got;
  for (const int i : calc.ticks(1000)) got.push_back(i);
  REQUIRE(got.size() == 1000);
  CHECK(got.back() == 999);
}

TEST_CASE("call: a list is a stream of arguments", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  CHECK(f.near.use<demo::Calc>("hub").sum(std::vector{1, 2, 3}).get() == 6);
}

TEST_CASE("call: streams go both ways at once", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  auto [out, in] = rpc::pipe<std::string>();
  auto said = f.near.use<demo::Calc>("hub").chat(std::move(in));
  for (const auto* word : {"a", "b"}) {
    out.put(word);
    CHECK(said.get() == std::string{"you said "} + word);
  }
  out.close();
  CHECK(said.get() == std::nullopt);
}

TEST_CASE("call: a callable among the arguments is called back", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  seen<std::string> events;
  const auto count = f.near.use<demo::Calc>("hub")
                         .notify("news", [&](demo::event e) { events.add(e.topic + std::to_string(e.n)); })
                         .get();
  CHECK(count == 3);
  CHECK(events.wait_for(3) == std::vector<std::string>{"news0", "news1", "news2"});
  CHECK(eventually([&] { return f.near.lent() == 0; }));
}

TEST_CASE("call: a call becomes a channel of bytes", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  auto ch = f.near.use<demo::Calc>("hub").shell("> ").get();
  CHECK(ch.read(2)->view() == "> ");
  REQUIRE(ch.write("ls"));
  CHECK(ch.read(2)->view() == "ls");
  REQUIRE(ch.close_write());
  CHECK(ch.read().error().code() == errc::end_of_stream);
}

TEST_CASE("call: coroutines await calls", "[rpc]") {
  asio::io_context io;  // outlives the runtime, whose threads post to it
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  const auto calc = f.near.use<demo::Calc>("hub");
  int got = 0;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        got = co_await calc.add(20, 22, {.deadline = 10s});
        auto ticks = calc.ticks(3);
        while (auto i = co_await ticks.next()) got += *i;
      },
      [](std::exception_ptr why) {
        if (why) std::rethrow_exception(why);
      });
  io.run();
  CHECK(got == 45);
}

TEST_CASE("call: a method that is not served is unimplemented", "[rpc]") {
  rpc_pair f;
  demo::Calc some;
  some.add = [](int a, int b) { return a + b; };
  REQUIRE(f.far.serve(some));
  const auto calc = f.near.use<demo::Calc>("hub");
  CHECK(calc.add(1, 2).get() == 3);
  CHECK(text_of_call([&] { calc.divide(1, 1).get(); }) == "unimplemented: 'demo.Calc.divide' is not served here");
}

TEST_CASE("call: one that was moved from, or is local and was asked, is empty and says so", "[rpc]") {
  const rpc::fn<int(int)> local = [](int a) { return a; };
  auto once = local(1);
  CHECK(once.get() == 1);
  CHECK(code_of_call([&] { (void)once.get(); }) == rpc::code::failed_precondition);
  auto first = local(2);
  auto second = std::move(first);
  CHECK(code_of_call([&] { (void)first.get(); }) == rpc::code::failed_precondition);  // NOLINT: that is the test
  CHECK(second.get() == 2);
}

TEST_CASE("call: a stream that was moved from is empty and says so", "[rpc]") {
  auto [out, in] = rpc::pipe<int>();
  auto held = std::move(in);
  CHECK(code_of_call([&, &from = in] { (void)from.get(); }) == rpc::code::failed_precondition);
  CHECK(code_of_call([&, &from = in] { (void)std::move(from).release(); }) == rpc::code::failed_precondition);
  out.put(1);
  CHECK(held.get() == 1);
}
