// SPDX-License-Identifier: BSD-2-Clause
// duplex call, at duplex serve --demo.
#include "tests/tools/rpc_site.hpp"

#include <catch2/catch.hpp>

using namespace tools_tests;
using Catch::Contains;

TEST_CASE("duplex: call prints the result, and nothing else", "[duplex]") {
  demo_site here;
  const auto got = here.call({"demo.Calc.add", "1", "2"});
  CHECK(got.status == 0);
  CHECK(got.out == "3\n");
  CHECK(got.err.empty());
  CHECK(here.call({"demo.Calc.add", "-1", "-2"}).out == "-3\n");
}

TEST_CASE("duplex: call ends with the status of the call, and its reason on stderr", "[duplex]") {
  demo_site here;
  const auto got = here.call({"demo.Calc.divide", "1", "0"});
  CHECK(got.status == 3);
  CHECK(got.out.empty());
  CHECK(got.err == "duplex: invalid_argument: division by zero\n");
  CHECK(here.call({"demo.Calc.divide", "-2147483648", "-1"}).status == 11);
  CHECK_THAT(here.call({"--json", "demo.Calc.divide", "1", "0"}).err,
             Contains("\"level\":\"error\"") && Contains("\"text\":\"invalid_argument: division by zero\""));
}

TEST_CASE("duplex: call names the argument that is wrong, or how many it takes", "[duplex]") {
  demo_site here;
  const auto word = here.call({"demo.Calc.add", "1", "two"});
  CHECK(word.status == 3);
  CHECK(word.err == "duplex: invalid_argument: demo.Calc.add: [1]: expected an integer, got a string\n");
  const auto one = here.call({"demo.Calc.add", "1"});
  CHECK(one.status == 3);
  CHECK_THAT(one.err, Contains("expected 2 values, got 1"));
  CHECK_THAT(here.call({"demo.Calc.add", "[1,2]", "3"}).err, Contains("[0]: expected an integer, got an array"));
  CHECK_THAT(here.call({"demo.Calc.add", "1", "2", "3"}).err, Contains("expected 2 values, got 3"));
}

TEST_CASE("duplex: call refuses malformed JSON before it connects", "[duplex]") {
  site here;
  const auto got = here.run_duplex({"call", "tcp://127.0.0.1:1", "demo.Calc.add", "1", "{\"a\""});
  CHECK(got.status == 2);
  CHECK_THAT(got.err, Contains("argument 2: parse error"));
  const auto late = here.run_duplex({"call", "tcp://127.0.0.1:1", "demo.Calc.add", "--deadline", "2 weeks"});
  CHECK(late.status == 2);
  CHECK_THAT(late.err, Contains("--deadline '2 weeks' is no time"));
}

TEST_CASE("duplex: call says what there is instead of an unknown method or service", "[duplex]") {
  demo_site here;
  const auto method = here.call({"demo.Calc.nope"});
  CHECK(method.status == 12);
  CHECK_THAT(method.err, Contains("unimplemented: 'demo.Calc.nope' is not served here; demo.Calc has add, chat, "));
  const auto service = here.call({"nope.nope"});
  CHECK(service.status == 12);
  CHECK_THAT(service.err, Contains("there are demo.Calc, duplex.Health, "));
}

TEST_CASE("duplex: call at a peer without RPC, or at none, says so", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  const auto plain = run(here.dial("call", {here.endpoint(), "demo.Calc.add"}), {}, here.variables());
  CHECK(plain.status == 12);
  CHECK_THAT(plain.err, Contains("serves no RPC"));
  const auto nobody = here.run_duplex({"call", "tcp://127.0.0.1:1", "demo.Calc.add", "1", "2"});
  CHECK(nobody.status == 255);
  CHECK_THAT(nobody.err, Contains("connection failed"));
}

TEST_CASE("duplex: call --to is for the peer of that name only", "[duplex]") {
  demo_site here{{"--name", "hub"}};
  CHECK(here.call({"--to", "hub", "demo.Calc.add", "1", "2"}).out == "3\n");
  const auto got = here.call({"--to", "another", "demo.Calc.add", "1", "2"});
  CHECK(got.status == 255);
  CHECK_THAT(got.err, Contains("'hub', not 'another'"));
}

TEST_CASE("duplex: call sends headers, but none of the library's own", "[duplex]") {
  demo_site here;
  CHECK(here.call({"-H", "lang=en", "demo.Calc.add", "1", "2"}).out == "3\n");
  const auto got = here.call({"-H", "deadline=1", "demo.Calc.add", "1", "2"});
  CHECK(got.status == 3);
  CHECK_THAT(got.err, Contains("header 'deadline=1'"));
}

TEST_CASE("duplex: call prints how a function it left out is called", "[duplex]") {
  demo_site here;
  const auto got = here.call({"demo.Calc.notify", "news"});
  CHECK(got.status == 0);
  CHECK(got.out ==
        "[{\"topic\":\"news\",\"n\":0}]\n[{\"topic\":\"news\",\"n\":1}]\n[{\"topic\":\"news\",\"n\":2}]\n3\n");
  const auto none = here.call({"demo.Calc.notify", "news", "null"});
  CHECK(none.status == 12);
  CHECK_THAT(none.err, Contains("an empty function"));
  CHECK(here.call({"demo.Calc.notify"}).status == 3);
}
