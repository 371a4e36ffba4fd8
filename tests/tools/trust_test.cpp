// SPDX-License-Identifier: BSD-2-Clause
// `duplex trust`, and the policies for host keys.
#include "tests/tools/site.hpp"

#include <catch2/catch.hpp>
#include <fstream>

using namespace tools_tests;
using Catch::Contains;
using Catch::StartsWith;

namespace {

// `duplex open` of the echo service as a client that pins no key.
outcome open(const site& here, words more = {}) {
  words all{"open", "--identity", here.path("client"), here.endpoint(), "echo"};
  all.insert(all.end(), more.begin(), more.end());
  return here.run_duplex(all, "hello");
}

// The command that an error text ends with, run by a shell as a person would.
outcome run_command(const site& here, const std::string& text) {
  const auto at = text.find("duplex trust");
  REQUIRE(at != std::string::npos);
  const auto command = text.substr(at, text.find('\n', at) - at);
  INFO(command);
  return run({"sh", "-c", "PATH=" DUPLEX_BIN_DIR ":$PATH; " + command}, {}, here.variables());
}

std::string line_with_another_key(const site& here) {
  const auto line = content(here.path("client.pub"));
  return here.endpoint() + ' ' + line.substr(0, line.find('\n')) + '\n';
}

}  // namespace

TEST_CASE("duplex: an unknown host is refused, and the command in the text admits it", "[trust]") {
  site here;
  here.serve({"echo=echo"});
  const words where = GENERATE(words{}, words{"--known-hosts", "FILE"});
  auto more = where;
  if (!more.empty()) more[1] = here.path("my hosts");
  const auto refused = open(here, more);
  CHECK(refused.status == 255);
  CHECK_THAT(refused.err, Contains("unknown key " + here.fingerprint()));
  const auto trusted = run_command(here, refused.err);
  CHECK(trusted.status == 0);
  const auto file = more.empty() ? here.path("home/known_hosts") : more[1];
  CHECK(trusted.out == here.endpoint() + " shows " + here.fingerprint() + " (ssh-ed25519)\nadded to " + file + "\n");
  const auto opened = open(here, more);
  CHECK(opened.status == 0);
  CHECK(opened.out == "hello");
}

TEST_CASE("duplex: a host with a new key is refused, and the command in the text replaces the old one", "[trust]") {
  site here;
  here.serve({"echo=echo"});
  const auto file = here.path("hosts");
  std::ofstream{file} << line_with_another_key(here);
  for (const auto& more : {words{}, words{"--accept-new"}}) {
    auto all = more;
    all.insert(all.end(), {"--known-hosts", file});
    const auto refused = open(here, all);
    CHECK(refused.status == 255);
    CHECK_THAT(refused.err, Contains(here.fingerprint()) && Contains(file + ":1 lists SHA256:"));
    if (!more.empty()) CHECK(run_command(here, refused.err).status == 0);
  }
  CHECK(open(here, {"--known-hosts", file}).out == "hello");
}

TEST_CASE("duplex: trust asks, and writes after a yes only", "[trust]") {
  site here;
  here.serve({"echo=echo"});
  const auto file = here.path("home/known_hosts");
  for (const auto* no : {"", "n\n", "\n", "yep\n"}) {
    const auto said = here.run_duplex({"trust", here.endpoint()}, no);
    CHECK(said.status == 1);
    CHECK_THAT(said.out, Contains("trust it? [y/N] "));
    CHECK_THAT(said.err, Contains("not trusted"));
    CHECK(content(file).empty());
  }
  const std::string yes = GENERATE("y\n", "Y\n", "yes\n", "YES\n");
  const auto said = here.run_duplex({"trust", here.endpoint()}, yes);
  CHECK(said.status == 0);
  CHECK_THAT(said.out, Contains("added to " + file));
  CHECK_THAT(content(file), StartsWith(here.endpoint() + " ssh-ed25519 "));
  const auto again = here.run_duplex({"trust", here.endpoint()});
  CHECK(again.status == 0);
  CHECK_THAT(again.out, Contains("already trusted in " + file) && !Contains("[y/N]"));
}

TEST_CASE("duplex: trust says when the host is listed with another key, and replaces it after a yes", "[trust]") {
  site here;
  here.serve({"echo=echo"});
  const auto file = here.path("hosts");
  const auto listed = line_with_another_key(here);
  std::ofstream{file} << listed;
  const auto old = run({"ssh-keygen", "-lf", here.path("client")}).out.substr(4, 50);  // "256 SHA256:..."
  const auto no = here.run_duplex({"trust", "--known-hosts", file, here.endpoint()}, "n\n");
  CHECK(no.status == 1);
  CHECK_THAT(no.out, Contains(here.fingerprint()) && Contains(file + ":1 lists another key of it: " + old));
  CHECK(content(file) == listed);
  const auto yes = here.run_duplex({"trust", "--known-hosts", file, here.endpoint()}, "y\n");
  CHECK(yes.status == 0);
  CHECK_THAT(yes.out, Contains("replaced in " + file));
  CHECK(open(here, {"--known-hosts", file}).out == "hello");
}

TEST_CASE("duplex: trust --host-key writes nothing when the host shows another key", "[trust]") {
  site here;
  here.serve({"echo=echo"});
  const auto said = here.run_duplex(
      {"trust", "--host-key", "SHA256:anotheranotheranotheranotheranotheranotherA", here.endpoint()}, "y\n");
  CHECK(said.status == 1);
  CHECK_THAT(said.err, Contains(here.fingerprint()) && Contains("SHA256:anotheranotheranotheranotheranotheranotherA"));
  CHECK(content(here.path("home/known_hosts")).empty());
}

TEST_CASE("duplex: trust says when nobody answers, and what it does not ask", "[trust]") {
  const site here;
  std::uint16_t closed = 0;
  {
    const listener gone;
    closed = gone.port();
  }
  const auto nobody = here.run_duplex({"trust", "tcp://127.0.0.1:" + std::to_string(closed)});
  CHECK(nobody.status == 1);
  CHECK_THAT(nobody.err, StartsWith("duplex: connection failed: "));
  CHECK_THAT(here.run_duplex({"trust", "inproc://x"}).err, StartsWith("duplex: unsupported: "));
  CHECK(here.run_duplex({"trust", "nonsense"}).status == 2);
  CHECK(here.run_duplex({"trust", "--host-key", "x", "tcp://127.0.0.1:1"}).status == 2);
}

TEST_CASE("duplex: --accept-new adds an unknown host and says so with -v", "[trust]") {
  site here;
  here.serve({"echo=echo"});
  const auto first = open(here, {"--accept-new", "-v"});
  CHECK(first.status == 0);
  CHECK_THAT(first.err,
             Contains(here.fingerprint() + ", which is new and was added to " + here.path("home/known_hosts")));
  CHECK(open(here).out == "hello");
}
