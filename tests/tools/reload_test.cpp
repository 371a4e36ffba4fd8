// SPDX-License-Identifier: BSD-2-Clause
// authorized_keys changes while the server runs.
#include "tests/tools/site.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

using namespace tools_tests;
using Catch::Contains;
using Catch::StartsWith;

namespace {

// Two keys with a live ssh and a live duplex session each.
struct two_clients : site {
  two_clients() {
    (void)make_key("other");
    admit(both());
    serve({"echo=echo"}, {"-v"});
    for (const auto* key : {"client", "other"}) {
      running.push_back(std::make_unique<program>(ssh_as(key, {"-s"}, {"echo"}), variables()));
      running.push_back(std::make_unique<program>(
          duplex({"open", endpoint(), "echo", "--host-key", fingerprint(), "--identity", path(key)}), variables()));
    }
    for (auto* one : all()) check_alive(*one);
  }
  [[nodiscard]] std::string both() const { return public_line("client") + public_line("other"); }
  [[nodiscard]] std::vector<program*> all() const {
    std::vector<program*> list;
    for (const auto& one : running) list.push_back(one.get());
    return list;
  }
  static void check_alive(program& one) {
    one.write("alive\n");
    (void)one.line("alive");
  }
  static void check_ended(program& one) {
    CHECK(one.wait() == 255);
    CHECK_THAT(one.err(), Contains("is no longer allowed"));
  }
  [[nodiscard]] bool admitted(const std::string& key) const {
    return run(ssh_as(key, {"-s"}, {"echo"}), "x", variables()).out == "x";
  }
  std::vector<std::unique_ptr<program>> running;  // client's ssh and open, then other's
};

}  // namespace

TEST_CASE("duplex: a key that the list gains is admitted at once", "[duplex]") {
  site here;
  (void)here.make_key("other");
  here.serve({"echo=echo"});
  const auto as_other = here.ssh_as("other", {"-s"}, {"echo"});
  CHECK(run(as_other, "x", here.variables()).status == 255);
  here.admit(here.public_line("client") + here.public_line("other"));
  CHECK(run(as_other, "x", here.variables()).out == "x");
}

TEST_CASE("duplex: sessions of a key that the list loses end, those of others stay", "[duplex]") {
  two_clients here;
  here.admit(here.public_line("other"));
  for (const int i : {0, 1}) two_clients::check_ended(*here.all()[static_cast<std::size_t>(i)]);
  for (const int i : {2, 3}) two_clients::check_alive(*here.all()[static_cast<std::size_t>(i)]);
  CHECK_FALSE(here.admitted("client"));
  CHECK(here.admitted("other"));
}

TEST_CASE("duplex: a program behind NAT ends when its key is taken out, unless it has more to do", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  const bool listens = GENERATE(false, true);
  words all{"serve",      "--connect",         here.endpoint(), "--host-key", here.fingerprint(),
            "--identity", here.path("client"), "--name",        "laptop",     "-v"};
  if (listens) all.insert(all.end(), {"--bind", "tcp://127.0.0.1:0"});
  program laptop{here.duplex(all), here.variables()};
  (void)laptop.line("ready");
  (void)here.make_key("other");
  here.admit(here.public_line("other"));
  laptop.wait_for_error("is no longer allowed");
  if (listens) laptop.signal(SIGTERM);
  CHECK(laptop.wait() == (listens ? 0 : 1));
}

TEST_CASE("duplex: all sessions end when the list disappears, and keys count again when it returns", "[duplex]") {
  two_clients here;
  std::filesystem::rename(here.path("authorized_keys"), here.path("away"));
  for (auto* one : here.all()) two_clients::check_ended(*one);
  here.server().wait_for_error("nobody can log in: " + here.path("authorized_keys"));
  CHECK_FALSE(here.admitted("client"));
  std::filesystem::rename(here.path("away"), here.path("authorized_keys"));
  CHECK(here.admitted("client"));
  CHECK(here.admitted("other"));
}

TEST_CASE("duplex: a list that is replaced by the same one ends nothing", "[duplex]") {
  two_clients here;
  here.admit(here.both() + "# edited\nnonsense\n");
  here.server().wait_for_error("authorized_keys:4: ");  // the new one has been read
  for (auto* one : here.all()) two_clients::check_alive(*one);
}

TEST_CASE("duplex: narrower options count for the next open of a live session", "[duplex]") {
  site here;
  here.serve({"echo=echo", "other=echo"}, {"-v"});
  const auto control = here.path("control");
  program master{here.ssh({"-v", "-M", "-N", "-S", control}), here.variables()};
  master.wait_for_error("Entering interactive session");
  CHECK(here.run_ssh({"-S", control, "-s"}, {"echo"}, "x").out == "x");
  here.admit("permitopen=\"other:*\" " + here.public_line("client") + "nonsense\n");
  here.server().wait_for_error("authorized_keys:2: ");  // the new one has been read, and the sessions hear of it
  std::string said;
  for (int i = 0; i < 100 && said.empty(); ++i) said = here.run_ssh({"-S", control, "-s"}, {"echo"}, "x").err;
  CHECK_THAT(said, Contains("may not open 'echo'"));
  CHECK(here.run_ssh({"-S", control, "-s"}, {"other"}, "x").out == "x");
}

TEST_CASE("duplex: an offer that permitlisten covers no more is unknown again, others stay", "[duplex]") {
  site here;
  here.admit("permitlisten=\"*:*\" " + here.public_line("client"));
  here.serve({"echo=echo"}, {"-v"});
  const listener target;
  const auto to = ":127.0.0.1:" + std::to_string(target.port());
  program ssh{here.ssh({"-N", "-R", "web:1" + to, "-R", "db:1" + to}), here.variables()};
  here.server().wait_for_error("offers 'db'");
  here.admit("permitlisten=\"db:*\" " + here.public_line("client"));
  here.server().wait_for_error("no longer offers 'web'");
  const auto got = here.open({"web"});
  CHECK_THAT(got.err, StartsWith("duplex: unknown service: "));
  program open{here.dial("open", {here.endpoint(), "db"}), here.variables()};
  CHECK(target.accept() >= 0);
}

TEST_CASE("duplex: a peer whose name its key may claim no more has to leave", "[duplex]") {
  site here;
  here.serve({"echo=echo"}, {"-v"});
  program named{here.dial("open", {here.endpoint(), "echo", "--name", "n"}), here.variables()};
  program nameless{here.dial("open", {here.endpoint(), "echo"}), here.variables()};
  for (auto* one : {&named, &nameless}) two_clients::check_alive(*one);
  here.admit("environment=\"DUPLEX_PEER=other\" " + here.public_line("client"));
  CHECK(named.wait() == 255);
  CHECK_THAT(named.err(), StartsWith("duplex: ") && Contains("may claim 'other' only, not 'n'"));
  two_clients::check_alive(nameless);
}

TEST_CASE("duplex: a malformed line is named with file and line, and the others count", "[duplex]") {
  site here;
  here.admit("# keys\ncommand=\"x\" " + here.public_line("server") + "rubbish\n" + here.public_line("client"));
  here.serve({"echo=echo"});
  here.server().wait_for_error(here.path("authorized_keys") + ":2: ");
  here.server().wait_for_error(here.path("authorized_keys") + ":3: ");
  CHECK_THAT(here.server().err(), Contains("command") && Contains("the line is ignored"));
  CHECK(here.open({"echo"}, "x").out == "x");
}

TEST_CASE("duplex: a problem that stays is told once", "[duplex]") {
  site here;
  here.admit("rubbish\n" + here.public_line("client"));
  here.serve({"echo=echo"});
  here.server().wait_for_error("authorized_keys:1: ");
  here.admit("rubbish\n" + here.public_line("client") + "more rubbish\n");
  here.server().wait_for_error("authorized_keys:3: ");
  const auto& said = here.server().err();
  CHECK(said.find("authorized_keys:1: ") == said.rfind("authorized_keys:1: "));
}

TEST_CASE("duplex: a server without a list starts, and says how to admit somebody", "[duplex]") {
  site here;
  std::filesystem::remove(here.path("authorized_keys"));
  std::filesystem::create_directory(here.path("of Ann's"));
  const auto* place = GENERATE("authorized_keys", "of Ann's/keys", "");  // the last is the standard one
  const bool named = *place != '\0';
  const auto list = here.path(named ? place : "home/authorized_keys");
  words all{"serve", "--bind", "tcp://127.0.0.1:0", "--identity", here.path("server"), "echo=echo"};
  if (named) all.insert(all.end(), {"--authorized-keys", list});
  program server{here.duplex(all), here.variables()};
  const auto said = server.line("listening ");
  server.wait_for_error("nobody can log in: " + list + " does not exist");
  server.wait_for_error(" KEY.pub");
  auto told = server.err().substr(server.err().find("duplex allow") + std::string{"duplex allow"}.size());
  told.erase(told.find(" KEY.pub"));  // what is typed as it was told
  auto allow = here.duplex({"allow", here.path("client.pub")});
  allow.insert(allow.begin(), {"sh", "-c", "\"$@\"" + told, "sh"});
  REQUIRE(run(allow, {}, here.variables()).status == 0);
  const auto blank = said.find(' ');
  const auto got = here.run_duplex(
      {"open", said.substr(0, blank), "echo", "--host-key", said.substr(blank + 1), "--identity", here.path("client")},
      "x");
  CHECK(got.out == "x");
}
