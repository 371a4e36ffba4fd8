// SPDX-License-Identifier: BSD-2-Clause
#include "tests/rpc/waiting.hpp"

using namespace duplex;
using namespace duplex::test;
using Catch::Contains;
using rpc::call_info;
using rpc::code;
using rpc::direction;
using rpc::failure;
using rpc::interceptor;
using rpc::metadata;
using rpc::side;
using rpc::stream;
using rpc::task;

namespace {

/// Writes down what it sees.
class witness final : public interceptor {
 public:
  witness(std::string name, seen<std::string>& to) : name_(std::move(name)), to_(to) {}
  void open(call_info& of) override {
    to_.add(name_ + " open " + of.method);
    of.headers.push_back("by=" + name_);
  }
  void object(direction way, std::string_view) override {
    to_.add(name_ + (way == direction::sent ? " sent" : " received"));
  }
  void close(const rpc::status& with) override { to_.add(name_ + " close " + std::string{to_string(with.code())}); }

 private:
  const std::string name_;
  seen<std::string>& to_;
};

rpc::interceptor_factory by(std::string name, seen<std::string>& to) {
  return [name = std::move(name), &to] { return std::make_unique<witness>(name, to); };
}

}  // namespace

TEST_CASE("metadata: headers go to the handler, trailers and details come back", "[rpc]") {
  rpc_pair f;
  const std::string details{"a\0b\xff", 4};
  REQUIRE(f.far.handle("t.plain", [&](const rpc::context& about, bool fail) {
    about.add_trailer("seen=" + std::string{about.header("trace")});
    about.add_trailer("caller=" + about.caller().remote_peer);
    if (fail) throw failure{rpc::status{code::aborted, "no; 100%", details}};
    return about.method();
  }));
  REQUIRE(f.far.handle("t.stream", [&](const rpc::context& about, stream<int> in) -> task<int> {
    while (co_await in.next()) continue;
    about.add_trailer("seen=" + std::string{about.header("trace")});
    about.add_trailer("caller=" + about.caller().remote_peer);
    throw failure{rpc::status{code::aborted, "no; 100%", details}};
  }));
  const metadata sent{"trace=a;b%", "trace=second", "no value"};
  const metadata back{"seen=a;b%", "caller=me"};
  const auto plain = f.near.method<std::string(bool)>("t.plain", "hub");
  auto fine = plain(false, {.headers = &sent});
  CHECK(fine.get() == "t.plain");
  CHECK(fine.trailers() == back);
  auto failed = plain(true, {.headers = &sent});
  CHECK(text_of_call([&] { failed.get(); }) == "aborted: no; 100%");
  CHECK(failed.status().details() == details);
  CHECK(failed.trailers() == back);
  auto own = f.near.method<int(stream<int>)>("t.stream", "hub")(std::vector{1}, {.headers = &sent});
  CHECK(text_of_call([&] { own.get(); }) == "aborted: no; 100%");
  CHECK(own.status().details() == details);
  CHECK(own.trailers() == back);
}

TEST_CASE("metadata: what cannot travel is refused where it is made", "[rpc]") {
  std::string trailer;
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  REQUIRE(f.far.handle("t.trail", [&](const rpc::context& about) { about.add_trailer(trailer); }));
  REQUIRE(f.far.handle("t.trail_stream", [&](const rpc::context& about) -> stream<int> {
    about.add_trailer(trailer);
    co_yield 1;
  }));
  const auto calc = f.near.use<demo::Calc>("hub");
  for (const std::string& wrong :
       {std::string{"codec=json"}, std::string{"deadline=1"}, "x=" + std::string(9000, 'x')}) {
    const metadata headers{wrong};
    CHECK(code_of_call([&] { calc.add(1, 2, {.headers = &headers}).get(); }) == code::invalid_argument);
    CHECK(code_of_call([&] { calc.ticks(1, {.headers = &headers}).get(); }) == code::invalid_argument);
  }
  for (const std::string& wrong : {std::string(100000, 'x'), std::string{"a=\0", 3}}) {
    trailer = wrong;
    CHECK(code_of_call([&] { f.near.method<void()>("t.trail", "hub")().get(); }) == code::internal);
    auto objects = f.near.method<stream<int>()>("t.trail_stream", "hub")();
    CHECK(objects.get() == 1);
    CHECK(code_of_call([&] { objects.get(); }) == code::internal);
  }
  CHECK(calc.add(1, 2).get() == 3);
}

TEST_CASE("interceptor: both sides see a call from its start to its end, in order", "[rpc]") {
  seen<std::string> near, far;
  rpc_pair f;
  f.near.intercept(side::caller, by("a", near));
  f.near.intercept(side::caller, by("b", near));
  f.far.intercept(side::handler, by("c", far));
  f.far.intercept(side::handler, by("d", far));
  REQUIRE(f.far.handle("t.by", [](const rpc::context& about, int) {
    std::string all;
    for (const auto& item : about.headers()) all += item + " ";
    return all;
  }));
  CHECK(f.near.method<std::string(int)>("t.by", "hub")(1).get() == "by=a by=b by=c by=d ");
  CHECK(near.wait_for(6) ==
        std::vector<std::string>{"a open t.by", "b open t.by", "a sent", "b sent", "a close ok", "b close ok"});
  CHECK(far.wait_for(8) == std::vector<std::string>{"c open t.by", "d open t.by", "c received", "d received", "c sent",
                                                    "d sent", "c close ok", "d close ok"});
}

TEST_CASE("interceptor: one that throws refuses the call, at the caller or at the handler", "[rpc]") {
  class refusing final : public interceptor {
   public:
    explicit refusing(bool at_open) : at_open_(at_open) {}
    void open(call_info& of) override {
      if (at_open_ && of.method == "demo.Calc.add") throw failure{code::permission_denied, "not today"};
    }
    void object(direction, std::string_view encoded) override {
      if (!at_open_ && encoded.size() > 100) throw failure{code::out_of_range, "too much"};
    }

   private:
    const bool at_open_;
  };
  const auto at = GENERATE(side::caller, side::handler);
  const bool at_open = GENERATE(true, false);
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  (at == side::caller ? f.near : f.far).intercept(at, [=] { return std::make_unique<refusing>(at_open); });
  const auto calc = f.near.use<demo::Calc>("hub");
  if (at_open) {
    CHECK(text_of_call([&] { calc.add(1, 2).get(); }) == "permission_denied: not today");
  } else {
    CHECK(text_of_call([&] { calc.echo(std::string(200, 'x')).get(); }) == "out_of_range: too much");
    CHECK(calc.add(1, 2).get() == 3);
  }
  CHECK(calc.echo("x").get() == "x");
}

TEST_CASE("interceptor: deadlines and running calls are limited, and calls are logged", "[rpc]") {
  seen<std::string> ended, lines;
  rpc_pair f;
  f.far.intercept(side::handler, rpc::deadline_limit(50ms));
  f.far.intercept(side::handler, rpc::concurrency_limit(1));
  f.far.intercept(side::handler, rpc::logging([&](const log_record& line) { lines.add(std::string{line.text}); }));
  REQUIRE(f.far.serve(calculator()));
  REQUIRE(f.far.handle("t.hang", [&]() -> task<int> {
    co_await forever(&ended);
    co_return 1;
  }));
  CHECK(code_of_call([&] { f.near.method<int()>("t.hang", "hub")({.deadline = rpc::infinite}).get(); }) ==
        code::deadline_exceeded);
  CHECK(ended.wait_for(1).size() == 1);
  CHECK(f.near.use<demo::Calc>("hub").add(1, 2).get() == 3);
  const auto two = lines.wait_for(2);
  CHECK_THAT(two.at(0), Contains("t.hang from me: deadline_exceeded: "));
  CHECK_THAT(two.at(1), Contains("demo.Calc.add from me: ok, ") && Contains(" bytes in, "));
}

TEST_CASE("interceptor: a deadline that one has brought forward into the past lets nothing begin", "[rpc]") {
  class hurrying final : public interceptor {
   public:
    void open(call_info& of) override { of.deadline = rpc::context::clock::now(); }
  };
  std::atomic<int> begun{0};
  rpc_pair f;
  f.near.intercept(side::caller, [] { return std::make_unique<hurrying>(); });
  REQUIRE(f.far.handle("t.count", [&] { return ++begun; }));
  CHECK_THAT(text_of_call([&] { f.near.method<int()>("t.count", "hub")({.deadline = 1h}).get(); }),
             Contains("the deadline has passed already"));
  CHECK(begun == 0);
}
