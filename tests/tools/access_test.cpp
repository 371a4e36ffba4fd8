// SPDX-License-Identifier: BSD-2-Clause
// What a line of authorized_keys allows, and that it counts for each way to a service.
#include "tests/tools/site.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <ctime>

using namespace tools_tests;
using Catch::Contains;
using Catch::StartsWith;

namespace {

std::string in_seconds(int count) {
  const std::time_t at = std::time(nullptr) + count;
  std::tm utc{};
  gmtime_r(&at, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &utc);
  return text;
}

bool native_reaches(const site& here, const std::string& service) { return here.open({service}, "x").out == "x"; }
bool session_reaches(const site& here, const std::string& service) {
  return here.run_ssh({"-s"}, {service}, "x").out == "x";
}
bool command_reaches(const site& here, const std::string& service) {
  return here.run_ssh({}, {service, "argument"}, "x").out == "x";
}
bool stdio_reaches(const site& here, const std::string& service, int port = 1) {
  return here.run_ssh({"-W", service + ':' + std::to_string(port)}, {}, "x").out == "x";
}

}  // namespace

TEST_CASE("duplex: permitopen counts for every way to a service", "[duplex]") {
  site here;
  here.restrict_client("permitopen=\"yes:*\"");
  here.serve({"yes=echo", "no=echo"});
  for (const auto& reaches : {native_reaches, session_reaches, command_reaches}) {
    CHECK(reaches(here, "yes"));
    CHECK_FALSE(reaches(here, "no"));
  }
  CHECK(stdio_reaches(here, "yes"));
  CHECK_FALSE(stdio_reaches(here, "no"));
}

TEST_CASE("duplex: permitopen's port is that of -W; for -s, commands and peers it is 1", "[duplex]") {
  site here;
  const int port = GENERATE(1, 7);
  here.restrict_client("permitopen=\"echo:" + std::to_string(port) + '"');
  here.serve({"echo=echo"});
  CHECK(stdio_reaches(here, "echo", port));
  CHECK_FALSE(stdio_reaches(here, "echo", port + 1));
  for (const auto& reaches : {native_reaches, session_reaches, command_reaches})
    CHECK(reaches(here, "echo") == (port == 1));
}

TEST_CASE("duplex: permitopen counts for ssh -L and for curl through ssh -D", "[duplex]") {
  site here;
  here.restrict_client("permitopen=\"yes:80\"");
  const std::string page = "exec:head -c 3 >/dev/null; printf 'HTTP/1.0 200 OK\\r\\nContent-Length: 1\\r\\n\\r\\nx'";
  here.serve({"yes=" + page, "no=" + page});
  const auto proxy = "127.0.0.1:" + std::to_string(listener{}.port());
  program ssh{here.ssh({"-v", "-N", "-D", proxy, "-L", here.path("yes") + ":yes:80", "-L", here.path("no") + ":no:80"}),
              here.variables()};
  ssh.wait_for_error("Entering interactive session");
  const auto by_proxy = [&](const char* url) { return run({"curl", "-sS", "--socks5-hostname", proxy, url}).status; };
  const auto by_socket = [&](const char* name) {
    return run({"curl", "-sS", "--unix-socket", here.path(name), "http://x/"}).status;
  };
  CHECK(by_proxy("http://yes/") == 0);
  CHECK(by_proxy("http://yes:81/") == 97);
  CHECK(by_proxy("http://no/") == 97);
  CHECK(by_socket("yes") == 0);
  CHECK(by_socket("no") != 0);
}

TEST_CASE("duplex: a refused open says which key may not open what", "[duplex]") {
  site here;
  here.restrict_client("permitopen=\"yes:*\"");
  here.serve({"no=echo"});
  const auto native = here.open({"no"});
  CHECK(native.status == 255);
  CHECK_THAT(native.err, StartsWith("duplex: access denied: open 'no': the key SHA256:") && Contains("may not open"));
  const auto stock = here.run_ssh({"-s"}, {"no"});
  CHECK(stock.status == 255);
  CHECK_THAT(stock.err, Contains("duplex: access denied: the key SHA256:") && Contains("may not open 'no'"));
  const auto forwarded = here.run_ssh({"-W", "no:1"});
  CHECK(forwarded.status == 255);
}

TEST_CASE("duplex: restrict alone lets a key in and to no service", "[duplex]") {
  site here;
  here.restrict_client("restrict");
  here.serve({"echo=echo"});
  CHECK(run(here.dial("ping", {here.endpoint(), "-c", "1"}), {}, here.variables()).status == 0);
  for (const auto& reaches : {native_reaches, session_reaches}) CHECK_FALSE(reaches(here, "echo"));
  here.restrict_client("restrict,permitopen=\"ec*:1\"");
  for (const auto& reaches : {native_reaches, session_reaches}) CHECK(reaches(here, "echo"));
}

TEST_CASE("duplex: from= admits by address, and its negation keeps out", "[duplex]") {
  site here;
  const auto* patterns = GENERATE("10.0.0.0/8", "127.0.0.0/8,!127.0.0.1", "!127.*,*");
  here.restrict_client("from=\"127.0.0.0/8,!127.0.0.2\"");
  here.serve({"echo=echo"}, {"-v"});
  CHECK(native_reaches(here, "echo"));
  CHECK(session_reaches(here, "echo"));
  here.restrict_client("from=\"" + std::string{patterns} + '"');
  CHECK_FALSE(native_reaches(here, "echo"));
  CHECK_FALSE(session_reaches(here, "echo"));
  here.server().wait_for_error("its from= does not match 127.0.0.1");
}

TEST_CASE("duplex: DUPLEX_PEER is the name that a key may claim", "[duplex]") {
  site here;
  here.restrict_client("environment=\"DUPLEX_PEER=a\",environment=\"DUPLEX_PEER=b\"");
  here.serve({"echo=echo"}, {"-v"});
  for (const auto* name : {"a", "b"}) CHECK(here.open({"echo", "--name", name}, "x").out == "x");
  CHECK(here.open({"echo"}, "x").out == "x");  // to claim none is always fine
  const auto got = here.open({"echo", "--name", "c"}, "x");
  CHECK(got.status == 255);
  CHECK_THAT(got.err, StartsWith("duplex: access denied: ") && Contains("may claim 'a', 'b' only, not 'c'"));
  here.server().wait_for_error("authorized_keys:1 refused a name: ");
  CHECK(session_reaches(here, "echo"));
}

TEST_CASE("duplex: sessions end when their key expires, and later ones are refused", "[duplex]") {
  site here;
  const auto line = here.make_key("other");
  here.admit(here.public_line("client") + line);
  here.serve({"echo=echo"}, {"-v"});
  program native{here.dial("open", {here.endpoint(), "echo"}), here.variables()};
  program stock{here.ssh({"-s"}, {"echo"}), here.variables()};
  program other{here.ssh_as("other", {"-s"}, {"echo"}), here.variables()};
  for (auto* one : {&native, &stock, &other}) {
    one->write("up\n");
    (void)one->line("up");
  }
  here.admit("expiry-time=\"" + in_seconds(2) + "\" " + here.public_line("client") + line);
  CHECK(native.wait() == 255);
  CHECK_THAT(native.err(), StartsWith("duplex: ") && Contains("no longer allowed"));
  CHECK(stock.wait() == 255);
  CHECK_THAT(stock.err(), Contains("no longer allowed"));
  CHECK_FALSE(native_reaches(here, "echo"));
  here.server().wait_for_error("has passed");
  other.write("still\n");
  (void)other.line("still");
}

TEST_CASE("duplex: more keys than max_auth_tries are too many, and ssh says so", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  program agent{{"ssh-agent", "-D", "-a", here.path("agent")}, here.variables()};
  (void)agent.line("SSH_AUTH_SOCK=");
  auto with = here.variables();
  with.emplace_back("SSH_AUTH_SOCK", here.path("agent"));
  for (int i = 0; i < 10; ++i) {  // more than one over the limit: ssh may hear "no" once more before the last word
    const auto name = "key" + std::to_string(i);
    (void)here.make_key(name);
    REQUIRE(run({"ssh-add", "-q", here.path(name)}, {}, with).status == 0);
  }
  words all{"ssh",
            "-F",
            "none",
            "-p",
            std::to_string(here.port()),
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=accept-new",
            "-o",
            "UserKnownHostsFile=" + here.path("ssh_known_hosts"),
            "-s",
            "user@127.0.0.1",
            "echo"};
  const auto got = run(all, "x", with);
  CHECK(got.status == 255);
  CHECK_THAT(got.err, Contains("Too many authentication failures"));
  CHECK(native_reaches(here, "echo"));
}
