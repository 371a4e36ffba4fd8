// SPDX-License-Identifier: BSD-2-Clause
// duplex ls and duplex health.
#include "tests/tools/rpc_site.hpp"

#include <catch2/catch.hpp>
#include <csignal>

using namespace tools_tests;
using Catch::Contains;
using Catch::StartsWith;

TEST_CASE("duplex: ls lists the services", "[duplex]") {
  demo_site here;
  const auto got = here.ls();
  CHECK(got.status == 0);
  CHECK(got.out == "demo.Calc\nduplex.Health\nduplex.Peer\nduplex.Reflection\n");
}

TEST_CASE("duplex: ls SERVICE shows signatures, documentation and types", "[duplex]") {
  demo_site here;
  const auto got = here.ls({"demo.Calc"});
  CHECK(got.status == 0);
  CHECK_THAT(got.out, StartsWith("demo.Calc.add(i32, i32) -> i32   # a + b\n") &&
                          Contains("\ndemo.Calc.chat(stream of string) -> stream of string   # ") &&
                          Contains("\ndemo.Calc.echo() -> bytes (a channel)   # ") &&
                          Contains("\ndemo.Calc.notify(string, fn(demo.event) -> void) -> i32   # ") &&
                          Contains("\ndemo.event { topic: string; n: i32; }\n"));
}

TEST_CASE("duplex: ls --json tells the kinds as well", "[duplex]") {
  demo_site here;
  CHECK_THAT(here.ls({"--json", "demo.Calc"}).out,
             StartsWith("{\"name\":\"demo.Calc\",\"methods\":[{\"name\":\"add\",") &&
                 Contains("\"kind\":\"client stream\"") && Contains("\"idempotent\":true"));
  CHECK_THAT(here.ls({"--json"}).out, StartsWith("[{\"name\":\"demo.Calc\""));
}

TEST_CASE("duplex: ls reports what it cannot show", "[duplex]") {
  demo_site here;
  const auto unknown = here.ls({"nope"});
  CHECK(unknown.status == 5);
  CHECK(unknown.err == "duplex: not_found: no service 'nope' here\n");
  here.restrict_client(R"(permitopen="demo.*:*")");
  const auto denied = here.ls();
  CHECK(denied.status == 7);
  CHECK_THAT(denied.err, Contains("permission_denied") && Contains("duplex.Reflection"));
  here.restrict_client(R"(permitopen="demo.Calc.add:1",permitopen="duplex.Reflection.*:*")");
  CHECK(here.ls({"demo.Calc"}).out == "demo.Calc.add(i32, i32) -> i32   # a + b\n");
  CHECK(here.ls().out == "demo.Calc\nduplex.Reflection\n");
}

TEST_CASE("duplex: health tells whether the peer or a service serves", "[duplex]") {
  demo_site here;
  for (const auto& which : {words{}, words{"demo.Calc"}}) {
    const auto got = here.health(which);
    CHECK(got.status == 0);
    CHECK(got.out == "serving\n");
  }
  const auto unknown = here.health({"nope"});
  CHECK(unknown.status == 1);
  CHECK(unknown.out.empty());
  CHECK_THAT(unknown.err, Contains("not_found: no service 'nope' here"));
  const auto nobody = here.run_duplex({"health", "tcp://127.0.0.1:1"});
  CHECK(nobody.status == 1);
  CHECK_THAT(nobody.err, Contains("connection failed"));
}

TEST_CASE("duplex: health --watch goes on until the peer goes", "[duplex]") {
  demo_site here;
  program watch{here.dial("health", {here.endpoint(), "--watch"}), here.variables()};
  CHECK(watch.line("serving").empty());
  here.server().signal(SIGTERM);
  CHECK(watch.wait() == 1);
  CHECK(here.server().wait() == 0);
}
