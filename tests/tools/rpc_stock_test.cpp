// SPDX-License-Identifier: BSD-2-Clause
// Methods that stock ssh calls: ssh -s HOST METHOD, ssh HOST 'METHOD ARGUMENTS', ssh -W METHOD:1 HOST.
#include "tests/tools/rpc_site.hpp"

#include <catch2/catch.hpp>

using namespace tools_tests;
using Catch::Contains;

namespace {

// As -W sees one: its size in 4 bytes, then the bytes.
std::string frame(const std::string& text) { return std::string(3, '\0') + static_cast<char>(text.size()) + text; }

}  // namespace

TEST_CASE("duplex: ssh -s calls a method with a line of JSON", "[duplex]") {
  demo_site here;
  const auto got = here.run_ssh({"-s"}, {"demo.Calc.add"}, "[1,2]\n");
  CAPTURE(got.err);
  CHECK(got.status == 0);
  CHECK(got.out == "3\n");
}

TEST_CASE("duplex: ssh -s shows a call's error on stderr, and ends with its status", "[duplex]") {
  demo_site here;
  const auto zero = here.run_ssh({"-s"}, {"demo.Calc.divide"}, "[1,0]\n");
  CHECK(zero.status == 3);
  CHECK(zero.out.empty());
  CHECK_THAT(zero.err, Contains("invalid_argument: division by zero\n"));
  const auto type = here.run_ssh({"-s"}, {"demo.Calc.add"}, "[1,\"x\"]\n");
  CHECK(type.status == 3);
  CHECK_THAT(type.err, Contains("demo.Calc.add: [1]: expected an integer, got a string"));
  const auto json = here.run_ssh({"-s"}, {"demo.Calc.add"}, "[1,\n");
  CHECK(json.status == 3);
  CHECK_THAT(json.err, Contains("demo.Calc.add: parse error"));
  const auto unknown = here.run_ssh({"-s"}, {"demo.Calc.nope"}, "[]\n");
  CHECK(unknown.status == 255);
  CHECK_THAT(unknown.err, Contains("unknown service: 'demo.Calc.nope'"));
}

TEST_CASE("duplex: ssh -s streams a line for each object, both ways", "[duplex]") {
  demo_site here;
  CHECK(here.run_ssh({"-s"}, {"demo.Calc.ticks"}, "[3]\n").out == "0\n1\n2\n");
  CHECK(here.run_ssh({"-s"}, {"demo.Calc.sum"}, "[]\n1\n2\n").out == "3\n");
  CHECK(here.run_ssh({"-s"}, {"demo.Calc.chat"}, "[]\n\"a\"\n\"b\"\n").out == "\"you said a\"\n\"you said b\"\n");
  const auto wrong = here.run_ssh({"-s"}, {"demo.Calc.sum"}, "[]\n1\nx\n");
  CHECK(wrong.status == 3);
  CHECK_THAT(wrong.err, Contains("an object of the stream: parse error"));
}

TEST_CASE("duplex: the words of an ssh command are the arguments of a call", "[duplex]") {
  demo_site here;
  CHECK(here.run_ssh({}, {"demo.Calc.ticks 3"}).out == "0\n1\n2\n");
  CHECK(here.run_ssh({}, {"duplex.Health.check demo.Calc"}).out == "\"serving\"\n");
  program open{here.ssh({}, {"demo.Calc.add  1 2 "}), here.variables()};
  CHECK(open.wait() == 0);  // its stdin is open
  CHECK(open.out() == "3\n");
  const auto wrong = here.run_ssh({}, {"demo.Calc.add 1 [2"});
  CHECK(wrong.status == 3);
  CHECK_THAT(wrong.err, Contains("demo.Calc.add: parse error"));
}

TEST_CASE("duplex: an ssh command without words takes the arguments from its first line", "[duplex]") {
  demo_site here;
  CHECK(here.run_ssh({}, {"demo.Calc.add"}, "[1,2]\n").out == "3\n");
  const auto none = here.run_ssh({}, {"demo.Calc.add"});
  CHECK(none.status == 3);
  CHECK_THAT(none.err, Contains("expected 2 values, got 0"));
}

TEST_CASE("duplex: a stream that ssh does not read to its end harms nobody", "[duplex]") {
  demo_site here;
  program ticks{here.ssh({}, {"demo.Calc.ticks 100000"}), here.variables()};
  (void)ticks.line("0");
  ticks.close_stdin();
  ticks.close_stdout();  // ssh does not close the channel for that, and takes the rest
  (void)ticks.wait();
  CHECK(here.run_ssh({}, {"demo.Calc.add 1 2"}).out == "3\n");
}

TEST_CASE("duplex: variables of ssh are headers of the call", "[duplex]") {
  demo_site here;
  program sum{here.ssh({"-o", "SetEnv=deadline=200", "-s"}, {"demo.Calc.sum"}), here.variables()};
  sum.write("[]\n1\n");
  CHECK(sum.wait() == 4);
  CHECK_THAT(sum.err(), Contains("deadline_exceeded: demo.Calc.sum: the deadline passed"));
  const auto codec = here.run_ssh({"-o", "SetEnv=codec=xml", "-s"}, {"demo.Calc.add"}, "[1,2]\n");
  CHECK(codec.status == 12);
  CHECK_THAT(codec.err, Contains("codec 'xml' is not known here; known are ") && Contains("json"));
}

TEST_CASE("duplex: ssh -W calls a method by frames", "[duplex]") {
  demo_site here;
  CHECK(here.run_ssh({"-W", "demo.Calc.add:1"}, {}, frame("[1,2]")).out == frame("3"));
  CHECK(here.run_ssh({"-W", "demo.Calc.ticks:1"}, {}, frame("[2]")).out == frame("0") + frame("1"));
}

TEST_CASE("duplex: permitopen of one method admits to no other, by any way", "[duplex]") {
  demo_site here;
  here.restrict_client(R"(permitopen="demo.Calc.add:1")");
  CHECK(here.run_ssh({"-s"}, {"demo.Calc.add"}, "[1,2]\n").out == "3\n");
  CHECK(here.run_ssh({}, {"demo.Calc.add 1 2"}).out == "3\n");
  CHECK(here.run_ssh({"-W", "demo.Calc.add:1"}, {}, frame("[1,2]")).out == frame("3"));
  CHECK(here.open({"--frames", "-H", "codec=json", "demo.Calc.add"}, "[1,2]\n").out == "3\n");
  CHECK(here.call({"demo.Calc.add", "1", "2"}).out == "3\n");

  CHECK(here.run_ssh({"-s"}, {"demo.Calc.divide"}, "[1,2]\n").status == 255);
  CHECK(here.run_ssh({}, {"demo.Calc.divide 1 2"}).status == 255);
  CHECK(here.run_ssh({"-W", "demo.Calc.divide:1"}, {}, frame("[1,2]")).status == 255);
  CHECK(here.open({"--frames", "-H", "codec=json", "demo.Calc.divide"}, "[1,2]\n").status == 255);
  CHECK(here.call({"demo.Calc.divide", "1", "2"}).status == 7);
  CHECK(here.call({"demo.Calc.ticks", "1"}).status == 7);  // a call with a channel of its own
}

TEST_CASE("duplex: a deadline runs while a call's arguments are awaited", "[duplex]") {
  demo_site here;
  const std::string method = GENERATE("demo.Calc.add", "demo.Calc.sum");
  program silent{here.ssh({"-s", "-o", "SetEnv=deadline=300"}, {method}), here.variables()};
  CHECK(silent.wait() == 4);  // its stdin is open
  CHECK_THAT(silent.err(), Contains("deadline_exceeded: " + method + ": the deadline passed"));
  CHECK(here.run_ssh({"-s", "-o", "SetEnv=deadline=60000"}, {"demo.Calc.add"}, "[1,2]\n").out == "3\n");
}

TEST_CASE("duplex: a deadline that is no number, and channels that ssh cannot open, are refused", "[duplex]") {
  demo_site here;
  for (const std::string wrong : {"deadline=1e3", "deadline=-1", "deadline=500x", "channels=1"}) {
    INFO(wrong);
    const auto got = here.run_ssh({"-o", "SetEnv=" + wrong}, {"demo.Calc.add 1 2"});
    CHECK(got.status == 3);
    CHECK_THAT(got.err, Contains("invalid_argument: demo.Calc.add: " + wrong.substr(0, wrong.find('=') + 1)));
  }
}
