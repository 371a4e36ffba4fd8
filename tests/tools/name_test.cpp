// SPDX-License-Identifier: BSD-2-Clause
// Who holds a peer's name, and who may take it over.
#include "tests/tools/site.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>

using namespace tools_tests;
using Catch::Contains;
using Catch::StartsWith;

namespace {

// `duplex serve` that dials `hub` as `name`, up or refused.
std::unique_ptr<program> worker(const site& hub, const std::string& name, const std::string& key = "client") {
  return std::make_unique<program>(hub.duplex({"serve", "--connect", hub.endpoint(), "--host-key", hub.fingerprint(),
                                               "--identity", hub.path(key), "--name", name, "-v"}),
                                   hub.variables());
}

void check_alive(program& one) {
  one.write("alive\n");
  (void)one.line("alive");
}

}  // namespace

TEST_CASE("duplex: ssh and peers of one key stand beside each other, with and without names", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  std::vector<std::unique_ptr<program>> all;
  const auto start = [&](words what) { all.push_back(std::make_unique<program>(std::move(what), here.variables())); };
  for (int i = 0; i < 2; ++i) {
    start(here.ssh({"-s"}, {"echo"}));
    start(here.dial("open", {here.endpoint(), "echo"}));
  }
  start(here.dial("open", {here.endpoint(), "echo", "--name", "x"}));
  start(here.ssh({"-D", "127.0.0.1:" + std::to_string(listener{}.port())}, {"echo"}));
  for (int round = 0; round < 2; ++round)
    for (const auto& one : all) check_alive(*one);
}

TEST_CASE("duplex: twenty sessions of one key are all live", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  std::vector<std::unique_ptr<program>> all;
  for (int i = 0; i < 20; ++i)
    all.push_back(std::make_unique<program>(here.dial("open", {here.endpoint(), "echo"}), here.variables()));
  for (int round = 0; round < 2; ++round)
    for (const auto& one : all) check_alive(*one);
}

TEST_CASE("duplex: a restarted peer takes over the name of its frozen forerunner", "[duplex]") {
  site here;
  here.serve({"echo=echo"}, {"-v"});
  const auto first = worker(here, "n");
  here.server().wait_for_error("'n' (");
  first->signal(SIGSTOP);
  const auto started = std::chrono::steady_clock::now();
  const auto second = worker(here, "n");
  here.server().wait_for_error("another instance of it has taken its place");
  here.server().wait_for_error("another instance of 'n' has taken its place");
  (void)second->line("ready");
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds{10});  // about two, on an idle machine
  CHECK(here.open({"echo", "--name", "n2"}, "x").out == "x");
  // The name is the second one's now: a third is refused by a live holder.
  const auto third = worker(here, "n");
  CHECK(third->wait() == 1);
  second->signal(SIGTERM);
  CHECK(second->wait() == 0);
  first->signal(SIGCONT);
}

TEST_CASE("duplex: a frozen peer that wakes up finds its name taken, and gives up", "[duplex]") {
  site here;
  here.serve({"echo=echo"}, {"-v"});
  const auto first = worker(here, "n");
  (void)first->line("ready");
  first->signal(SIGSTOP);
  const auto second = worker(here, "n");
  (void)second->line("ready");
  first->signal(SIGCONT);
  CHECK(first->wait() == 1);  // it has nothing else to do
  CHECK_THAT(first->err(), Contains("duplex: already exists: "));
}

TEST_CASE("duplex: a live peer keeps its name, and who claims it hears whose it is", "[duplex]") {
  site here;
  here.serve({"echo=echo"}, {"-v"});
  const auto holder = worker(here, "n");
  (void)holder->line("ready");
  const auto print = run({"ssh-keygen", "-lf", here.path("client")}).out.substr(4, 50);
  const bool same_key = GENERATE(true, false);
  if (!same_key) here.admit(here.public_line("client") + here.make_key("other"));
  const auto other = worker(here, "n", same_key ? "client" : "other");
  CHECK(other->wait() == 1);
  CHECK_THAT(other->err(), Contains("duplex: already exists: ") &&
                               Contains("the name 'n' is held by " + print + " at tcp://127.0.0.1:"));
  holder->signal(SIGTERM);
  CHECK(holder->wait() == 0);
}

TEST_CASE("duplex: a name is free again when its holder has left", "[duplex]") {
  site here;
  here.admit(here.public_line("client") + here.make_key("other"));
  here.serve({"echo=echo"}, {"-v"});
  const auto first = worker(here, "n");
  (void)first->line("ready");
  const int how = GENERATE(SIGTERM, SIGKILL);
  first->signal(how);
  (void)first->wait();
  here.server().wait_for_error("is down");
  const auto second = worker(here, "n", "other");
  (void)second->line("ready");
  CHECK(second->err().find("already exists") == std::string::npos);
}
