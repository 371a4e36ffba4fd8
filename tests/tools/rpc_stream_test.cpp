// SPDX-License-Identifier: BSD-2-Clause
// duplex call of methods that stream or become bytes.
#include "tests/tools/rpc_site.hpp"

#include <catch2/catch.hpp>
#include <csignal>

using namespace tools_tests;
using Catch::Contains;

TEST_CASE("duplex: call prints a line for each object of a stream", "[duplex]") {
  demo_site here;
  CHECK(here.call({"demo.Calc.ticks", "3"}).out == "0\n1\n2\n");
  CHECK(here.call({"demo.Calc.ticks", "0"}).out.empty());
  const auto many = here.call({"demo.Calc.ticks", "20000"});
  CHECK(many.status == 0);
  CHECK_THAT(many.out, Catch::EndsWith("\n19998\n19999\n"));
}

TEST_CASE("duplex: call sends stdin's lines as a stream", "[duplex]") {
  demo_site here;
  CHECK(here.call({"demo.Calc.sum"}, "1\n2\n\n3").out == "6\n");
  CHECK(here.call({"demo.Calc.sum"}).out == "0\n");
  CHECK(here.call({"demo.Calc.chat"}, "hello\n\"you\"\n").out == "\"you said hello\"\n\"you said you\"\n");
}

TEST_CASE("duplex: call names the line of stdin that is malformed", "[duplex]") {
  demo_site here;
  const auto got = here.call({"demo.Calc.sum"}, "1\n[2\n");
  CHECK(got.status == 3);
  CHECK(got.out.empty());
  CHECK_THAT(got.err, Contains("stdin, line 2: parse error"));
  const auto word = here.call({"demo.Calc.sum"}, "1\ntwo\n");
  CHECK(word.status == 3);
  CHECK_THAT(word.err, Contains("expected an integer, got a string"));
}

TEST_CASE("duplex: call answers in a stream while stdin is open", "[duplex]") {
  demo_site here;
  program chat{here.calling({"demo.Calc.chat"}), here.variables()};
  chat.write("one\n");
  CHECK(chat.line("\"you said ") == "one\"");
  chat.write("two\n");
  CHECK(chat.line("\"you said ") == "two\"");
  chat.close_stdin();
  CHECK(chat.wait() == 0);
}

TEST_CASE("duplex: call leaves stdin alone when the method takes no stream", "[duplex]") {
  demo_site here;
  program add{here.calling({"demo.Calc.add", "1", "2"}), here.variables()};
  CHECK(add.wait() == 0);  // stdin is open
  CHECK(add.out() == "3\n");
}

TEST_CASE("duplex: call ends at its deadline", "[duplex]") {
  demo_site here;
  program sum{here.calling({"demo.Calc.sum", "--deadline", "200ms"}), here.variables()};
  CHECK(sum.wait() == 4);
  CHECK_THAT(sum.err(), Contains("deadline_exceeded: demo.Calc.sum"));
  CHECK(here.call({"--deadline", "none", "demo.Calc.add", "1", "2"}).out == "3\n");
}

TEST_CASE("duplex: Ctrl-C cancels a call", "[duplex]") {
  demo_site here;
  program chat{here.calling({"demo.Calc.chat", "--deadline", "none"}), here.variables()};
  chat.write("one\n");
  (void)chat.line("\"you said ");
  chat.signal(SIGINT);
  CHECK(chat.wait() == 1);
  CHECK(chat.err() == "duplex: cancelled: interrupted\n");
}

TEST_CASE("duplex: call reports a server that goes away in the middle", "[duplex]") {
  demo_site here;
  program chat{here.calling({"demo.Calc.chat"}), here.variables()};
  chat.write("one\n");
  (void)chat.line("\"you said ");
  here.server().signal(SIGKILL);
  CHECK(chat.wait() == 14);
  CHECK_THAT(chat.err(), Contains("duplex: unavailable: "));
}

TEST_CASE("duplex: call ends quietly when nobody reads its output", "[duplex]") {
  demo_site here;
  program ticks{here.calling({"demo.Calc.ticks", "2000000000", "--deadline", "none"}), here.variables()};
  (void)ticks.line("0");
  ticks.close_stdout();
  CHECK(ticks.wait() == 255);
  CHECK(ticks.err().empty());
  CHECK(here.call({"demo.Calc.add", "1", "2"}).out == "3\n");
}

TEST_CASE("duplex: call of a method that becomes bytes joins stdin and stdout", "[duplex]") {
  demo_site here;
  const auto sent = noise(1 << 20);
  const auto got = here.call({"demo.Calc.echo"}, sent);
  CAPTURE(got.err);
  CHECK(got.status == 0);
  CHECK((got.out == sent));
}

TEST_CASE("duplex: a call of a key that may make this call only needs no reflection", "[duplex]") {
  demo_site here;
  here.restrict_client(R"(permitopen="demo.Calc.add:1",permitopen="demo.Calc.ticks:1",permitopen="demo.Calc.sum:1")");
  CHECK(here.call({"demo.Calc.add", "1", "2"}).out == "3\n");
  CHECK(here.call({"demo.Calc.ticks", "2"}).out == "0\n1\n");
  CHECK(here.call({"--stdin", "demo.Calc.sum"}, "1\n2\n").out == "3\n");
  for (const auto* other : {"demo.Calc.divide", "demo.Calc.chat", "duplex.Peer.sessions", "nope"}) {
    const auto got = here.call({other});
    CAPTURE(other, got.err);
    CHECK(got.status == 7);
    CHECK_THAT(got.err, Contains("permission_denied") && Contains(other));
  }
}
