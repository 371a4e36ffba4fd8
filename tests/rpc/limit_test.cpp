// SPDX-License-Identifier: BSD-2-Clause
#include "tests/rpc/waiting.hpp"

#include "rpc/call_frame.hpp"

using namespace duplex;
using namespace duplex::test;
using Catch::Contains;
using rpc::code;
using rpc::stream;
using rpc::task;

TEST_CASE("limit: ten thousand calls are under way at once on one session", "[rpc]") {
  std::atomic<int> begun{0};
  seen<rpc::sink<int>> replies;
  std::mutex mutex;
  std::vector<rpc::sink<int>> waiting;
  rpc_pair f;
  auto [out, gate] = rpc::pipe<int>();
  REQUIRE(f.far.handle("t.wait", [&](int x) -> task<int> {
    auto [to, from] = rpc::pipe<int>();
    {
      std::lock_guard lock{mutex};
      waiting.push_back(to);
    }
    ++begun;
    auto next = from.next();
    const auto add = co_await std::move(next);
    co_return x + add.value_or(0);
  }));
  const auto wait = f.near.method<int(int)>("t.wait", "hub");
  std::vector<rpc::call<int>> calls;
  for (int i = 0; i < 10000; ++i) calls.push_back(wait(i, {.deadline = rpc::infinite}));
  CHECK(eventually([&] { return begun == 10000; }));
  for (auto& one : waiting) one.put(1);
  long sum = 0;
  for (auto& one : calls) sum += one.get();
  CHECK(sum == 10000L * 9999 / 2 + 10000);
}

TEST_CASE("limit: a service that is full refuses at once, and takes calls later", "[rpc]") {
  std::atomic<int> begun{0};
  rpc_pair f;
  auto [go, gate] = rpc::pipe<int>();
  auto shared = std::make_shared<stream<int>>(std::move(gate));
  REQUIRE(f.far.handle("t.one",
                       [&, shared]() -> task<int> {
                         ++begun;
                         auto next = shared->next();
                         co_return (co_await std::move(next)).value_or(0);
                       },
                       {.max_running = 1}));
  const auto one = f.near.method<int()>("t.one", "hub");
  auto first = one();
  CHECK(eventually([&] { return begun == 1; }));
  CHECK(text_of_call([&] { one().get(); }) == "resource_exhausted: 1 calls of 't.one' are running, its limit");
  go.put(7);
  CHECK(first.get() == 7);
  go.put(8);
  // The place is free once the handler has gone, shortly after its answer.
  CHECK(eventually([&] { return code_of_call([&] { one().get(); }) == code::ok; }));
}

TEST_CASE("limit: what is over the limit of a frame is said so, and the call channel stays", "[rpc]") {
  options small;
  small.max_frame = 64 << 10;
  rpc_pair f{pair::loopback, small};
  REQUIRE(f.far.serve(calculator()));
  REQUIRE(f.far.handle("t.big", [](int size) { return std::string(static_cast<std::size_t>(size), 'x'); }));
  REQUIRE(f.far.handle("t.big_stream", [](int size) -> stream<std::string> {
    co_yield "first";
    co_yield std::string(static_cast<std::size_t>(size), 'x');
  }));
  REQUIRE(f.far.handle("t.big_in", [](stream<std::string> in) -> task<int> {
    int count = 0;
    while (co_await in.next()) ++count;
    co_return count;
  }));
  const auto calc = f.near.use<demo::Calc>("hub");
  const auto big = f.near.method<std::string(int)>("t.big", "hub");
  const auto out = f.near.method<stream<std::string>(int)>("t.big_stream", "hub");
  const auto in = f.near.method<int(stream<std::string>)>("t.big_in", "hub");
  for (const int size : {100 << 10, 300 << 10}) {
    const std::string text(static_cast<std::size_t>(size), 'x');
    // Before the channel is there, too.
    CHECK_THAT(text_of_call([&] { calc.echo(text).get(); }), Contains("resource_exhausted: ") && Contains("max_frame"));
    CHECK_THAT(text_of_call([&] { big(size).get(); }), Contains("resource_exhausted: ") && Contains("max_frame"));
    auto objects = out(size);
    CHECK(objects.get() == "first");
    CHECK_THAT(text_of_call([&] { objects.get(); }), Contains("resource_exhausted: ") && Contains("max_frame"));
    CHECK_THAT(text_of_call([&] { in(std::vector{std::string{"a"}, text}).get(); }), Contains("resource_exhausted: "));
    CHECK(calc.add(1, 2).get() == 3);
  }
}

TEST_CASE("limit: large arguments and results travel beside small calls", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  const auto calc = f.near.use<demo::Calc>("hub");
  const std::string text(1 << 20, 'x');
  auto large = calc.echo(text);
  auto also = calc.echo(text);
  for (int i = 0; i < 100; ++i) REQUIRE(calc.add(i, 1).get() == i + 1);
  CHECK(large.get() == text);
  CHECK(also.get() == text);
}

TEST_CASE("limit: answers that the caller does not read stop the reading of calls", "[rpc]") {
  std::atomic<int> served{0};
  rpc_pair f;
  REQUIRE(f.far.handle("t.big", [&] {
    ++served;
    return std::string(200 << 10, 'x');
  }));
  auto ch = f.near.open("hub", "@rpc", {"codec=msgpack"});
  REQUIRE(ch);
  constexpr int count = 1000;  // 200 MB of answers
  for (std::uint32_t i = 1; i <= count; ++i) {
    std::string frame;
    rpc::detail::put_head(frame, {.kind = rpc::detail::frame_kind::call, .number = i, .method = "t.big"});
    REQUIRE(ch->write_frame(frame + '\x90'));
  }
  // All calls have been written; another session's call shows that the hub has had time to read them all.
  int answers = 0;
  CHECK(eventually([&] { return served > 10; }));
  for (int i = 0; i < 200; ++i) REQUIRE(f.me.ping("hub"));
  CHECK(served < 200);
  while (answers < count) {
    const auto frame = ch->read_frame();
    REQUIRE(frame);
    answers += rpc::detail::parse_call_frame(frame->view())->kind == rpc::detail::frame_kind::result ? 1 : 0;
  }
  CHECK(served == count);
}

TEST_CASE("limit: calls that wait for a peer to come are bounded in bytes, one-way calls too", "[rpc]") {
  runtime rt;
  rpc::peer me = rt.spawn_peer(with_keys());
  CHECK(me.connect("inproc://nobody-is-there").error().code() == errc::connection_failed);  // it goes on trying
  const std::string large(200'000, 'x');
  const auto hint = me.method<rpc::oneway(std::string)>("demo.hint", "hub");
  const auto text = text_of_call([&] {
    for (int i = 0; i < 1000; ++i) hint(large);
  });
  CHECK_THAT(text, Catch::Contains("resource_exhausted") && Catch::Contains("64 MiB") && Catch::Contains("'hub'"));
  const auto echo = me.method<std::string(std::string)>("demo.echo", "hub");
  CHECK(code_of_call([&] { echo(large).get(); }) == rpc::code::resource_exhausted);
}

TEST_CASE("limit: a burst of calls with channels of their own is bounded by max_channels only", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.handle("t.some", [](int n) -> stream<int> {
    for (int i = 0; i < n; ++i) co_yield i;
  }));
  const auto some = f.near.method<stream<int>(int)>("t.some", "hub");
  std::vector<stream<int>> all;
  for (int i = 0; i < 400; ++i) all.push_back(some(3));  // three times accept_queue
  for (auto& one : all) {
    CHECK(one.get() == 0);
    CHECK(one.get() == 1);
    CHECK(one.get() == 2);
    CHECK_FALSE(one.get());
  }
}
