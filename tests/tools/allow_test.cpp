// SPDX-License-Identifier: BSD-2-Clause
#include "tests/tools/site.hpp"

#include <catch2/catch.hpp>
#include <fstream>

using namespace tools_tests;
using Catch::Contains;
using Catch::StartsWith;

namespace {

void write(const std::string& path, const std::string& text) { std::ofstream{path} << text; }

// One sentence, status 1, and nothing written.
void check_refused(const site& here, words arguments, const std::string& why, std::string_view input = {}) {
  arguments.insert(arguments.begin(), "allow");
  const auto said = here.run_duplex(arguments, input);
  CAPTURE(said.err);
  CHECK(said.status == 1);
  CHECK(said.out.empty());
  CHECK_THAT(said.err, StartsWith("duplex: ") && Contains(why));
  CHECK(std::count(said.err.begin(), said.err.end(), '\n') == 1);
  CHECK(mode(here.path("home/authorized_keys")) == 0);
}

}  // namespace

TEST_CASE("duplex: allow adds a key once, and prints its line", "[duplex]") {
  const site here;
  const auto list = here.path("home/authorized_keys");
  const auto line = content(here.path("client.pub"));
  const auto said = here.run_duplex({"allow", here.path("client.pub")});
  CHECK(said.status == 0);
  CHECK(said.out == line);
  CHECK(said.err.empty());
  CHECK(content(list) == line);
  CHECK(mode(list) == 0600);
  CHECK(mode(here.path("home")) == 0700);
  const auto again = here.run_duplex({"allow", "-"}, line);
  CHECK(again.status == 0);
  CHECK(again.out == line);
  CHECK(again.err == "duplex: already allowed by " + list + ":1\n");
  CHECK(content(list) == line);
}

TEST_CASE("duplex: allow takes several keys of stdin, and mends a missing last line break", "[duplex]") {
  const site here;
  const auto list = here.path("list");
  write(list, "# mine");
  const auto keys = content(here.path("client.pub")) + "\n# next\n" + content(here.path("server.pub"));
  const auto said = here.run_duplex({"allow", "--authorized-keys", list, "-"}, keys);
  CHECK(said.status == 0);
  CHECK(said.out == content(here.path("client.pub")) + content(here.path("server.pub")));
  CHECK(content(list) == "# mine\n" + said.out);
}

TEST_CASE("duplex: allow writes its options in sshd's syntax, before those of the line", "[duplex]") {
  const site here;
  const auto line = content(here.path("client.pub"));
  const words options{"--restrict",
                      "--from",
                      "10.0.0.0/8,!10.0.0.1",
                      "--expiry-time",
                      "20991231Z",
                      "--name",
                      "a",
                      "--name",
                      "b",
                      "--open",
                      "db",
                      "--open",
                      "logs.*:7",
                      "--listen",
                      "web:80"};
  words all{"allow", "-"};
  all.insert(all.end(), options.begin(), options.end());
  const auto said = here.run_duplex(all, "no-pty " + line);
  CHECK(said.status == 0);
  CHECK(said.out ==
        "restrict,from=\"10.0.0.0/8,!10.0.0.1\",expiry-time=\"20991231Z\",environment=\"DUPLEX_PEER=a\","
        "environment=\"DUPLEX_PEER=b\",permitopen=\"db:*\",permitopen=\"logs.*:7\","
        "permitlisten=\"web:80\",no-pty " +
            line);
  CHECK(content(here.path("home/authorized_keys")) == said.out);
  const auto plain = here.run_duplex({"allow", "-"}, line);
  CHECK(plain.status == 1);
  CHECK_THAT(plain.err, Contains(here.path("home/authorized_keys") + ":1 holds that key with other options"));
}

TEST_CASE("duplex: allow refuses what holds no public key", "[duplex]") {
  const site here;
  write(here.path("empty"), "\n# nobody\n");
  write(here.path("text"), "hello world\n");
  check_refused(here, {here.path("none.pub")}, "'" + here.path("none.pub") + "' cannot be read: No such file");
  check_refused(here, {here.path("")}, "cannot be read");
  check_refused(here, {here.path("empty")}, "no key is in it");
  check_refused(here, {here.path("text")}, "line 1: no key is in it");
  check_refused(here, {here.path("client")}, "that is a private key, which stays with its owner");
  check_refused(here, {"-"}, "no key is in it");
  check_refused(here, {"-"}, "line 2: no key is in it", content(here.path("client.pub")) + "The agent has no keys.\n");
}

TEST_CASE("duplex: allow refuses options that admit nobody, and empty ones", "[duplex]") {
  const site here;
  const auto file = here.path("client.pub");
  for (const auto* option : {"--open", "--listen", "--name", "--from", "--expiry-time"})
    check_refused(here, {option, "", file}, "option '");
  check_refused(here, {"--open", "db:0", file}, "has no port of 1 to 65535");
  check_refused(here, {"--open", "a\",restrict", file}, "has no service name");
  check_refused(here, {"--name", "x\" ssh-ed25519 AAAA", file}, "is no peer's name");
  check_refused(here, {"--from", "example.org", file}, "names are never resolved here");
  check_refused(here, {"--from", "10.0.0.1\\", file}, "line 1: ");
  check_refused(here, {"--from", "10.0.0.1", "--from", "10.0.0.2", file}, "it stands twice");
  check_refused(here, {"--expiry-time", "20241301", file}, "is no time");
  check_refused(here, {"--from", "10.0.0.1\n", file}, "line 1: ");
  CHECK(here.run_duplex({"allow"}).status == 2);
  CHECK(here.run_duplex({"allow", file, "--nonsense"}).status == 2);
}

TEST_CASE("duplex: a key allowed while the server runs is admitted", "[duplex]") {
  site here;
  const auto list = here.path("authorized_keys");
  write(list, "");
  here.serve({"echo=echo"}, {"-v"});
  CHECK(here.open({"echo"}, "hello").status == 255);
  here.server().wait_for_error("| duplex allow --authorized-keys " + list + " -");
  REQUIRE(here.run_duplex({"allow", "--authorized-keys", list, here.path("client.pub")}).status == 0);
  const auto said = here.open({"echo"}, "hello");
  CHECK(said.status == 0);
  CHECK(said.out == "hello");
}

TEST_CASE("duplex: the command of the server's log admits the key it refused", "[duplex]") {
  site here;
  write(here.path("authorized_keys"), "");
  here.serve({"echo=echo"}, {"-v"});
  CHECK(here.open({"echo"}).status == 255);
  here.server().wait_for_error(" -\n");
  const auto said = here.server().err();
  const auto start = said.find("echo 'ssh-ed25519");
  REQUIRE(start != std::string::npos);
  auto command = said.substr(start, said.find('\n', start) - start);
  command.replace(command.find("duplex allow"), 6, DUPLEX_BIN_DIR "/duplex");
  REQUIRE(run({"sh", "-c", command}).status == 0);
  CHECK(here.open({"echo"}, "hello").out == "hello");
}
