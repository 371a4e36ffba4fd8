// SPDX-License-Identifier: BSD-2-Clause
#include "tests/tools/site.hpp"

#include <poll.h>
#include <unistd.h>

#include <fcntl.h>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>

using namespace tools_tests;
using Catch::Contains;
using Catch::StartsWith;

TEST_CASE("duplex: open reports a service that nobody serves", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  const auto got = here.open({"nothing"});
  CHECK(got.status == 255);
  CHECK_THAT(got.err, StartsWith("duplex: unknown service: ") && Contains("'nothing'"));
}

TEST_CASE("duplex: open sends headers, and says when they are too long", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  CHECK(here.open({"echo", "-H", "lang=en", "--header", "a b;c%"}, "x").out == "x");
  const auto got = here.open({"-H", "long=" + std::string(40'000, 'x'), "echo"});
  CHECK(got.status == 255);
  CHECK_THAT(got.err, Contains("open record") && Contains("max_open_record"));
}

TEST_CASE("duplex: open --to picks the peer by its name", "[duplex]") {
  site here;
  here.serve({"echo=echo"}, {"--name", "hub"});
  CHECK(here.open({"echo", "--to", "hub"}, "x").out == "x");
  const auto got = here.open({"echo", "--to", "another"}, "x");
  CHECK(got.status == 255);
  CHECK_THAT(got.err, Contains("another"));
}

TEST_CASE("duplex: open --frames reports a line over the limit", "[duplex]") {
  site here;
  here.serve({"frames=frames"});
  const auto got = here.open({"frames", "--frames", "--set", "max_frame=1K"}, std::string(5000, 'x'));
  CHECK(got.status == 255);
  CHECK_THAT(got.err, StartsWith("duplex: frame too large") && Contains("max_frame"));
}

TEST_CASE("duplex: open ends quietly when nobody reads its output", "[duplex]") {
  site here;
  here.serve({"lots=source:100G"});
  program open{here.dial("open", {here.endpoint(), "lots"}), here.variables()};
  open.wait_for_output(1);
  open.close_stdout();
  CHECK(open.wait() == 255);
  CHECK(open.err().empty());
}

TEST_CASE("duplex: open waits for a reader that pauses, and loses nothing", "[duplex]") {
  site here;
  here.serve({"lots=source:20M"});
  program open{here.dial("open", {here.endpoint(), "lots"}), here.variables()};
  open.wait_for_output(1);
  CHECK(here.open({"lots"}).out.size() == 20U << 20);  // another channel does not wait for the first
  CHECK(open.wait() == 0);
  CHECK(open.out().size() == 20U << 20);
}

TEST_CASE("duplex: open shows on a terminal how far a long transfer has come", "[duplex]") {
  site here;
  here.serve({"drip=exec:for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo $i; sleep 0.1; done"});
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE(::grantpt(terminal) == 0);
  REQUIRE(::unlockpt(terminal) == 0);
  const int other_end = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
  program open{here.dial("open", {here.endpoint(), "drip"}), here.variables(), other_end};
  CHECK(open.wait() == 0);
  char text[200];
  pollfd waits{terminal, POLLIN, 0};
  REQUIRE(::poll(&waits, 1, 0) > 0);
  const auto n = ::read(terminal, text, sizeof text);
  CHECK_THAT((std::string{text, static_cast<std::size_t>(std::max<ssize_t>(n, 0))}), Contains("MB received"));
  ::close(other_end);
  ::close(terminal);
}

TEST_CASE("duplex: open says why its output cannot be written, unless its reader has gone", "[duplex]") {
  site here;
  here.serve({"source=source:300000"});
  const auto to = [&](const std::string& where) {
    auto line = here.dial("open", {here.endpoint(), "source"});
    line.insert(line.begin(), {"sh", "-c", "\"$@\" " + where, "sh"});
    return run(line, {}, here.variables());
  };
  const auto full = to("> /dev/full");
  CHECK(full.status == 255);
  CHECK(full.err == "duplex: stdout: No space left on device\n");
  CHECK(to("| head -c 10").err.empty());
}
