// SPDX-License-Identifier: BSD-2-Clause
// Wrong keys, and programs that die, freeze or talk nonsense.
#include "tests/tools/site.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>

using namespace tools_tests;
using Catch::Contains;
using Catch::StartsWith;

TEST_CASE("duplex: a key that the server does not know is turned away", "[duplex]") {
  site here;
  here.serve({"echo=echo"}, {"-v"});
  REQUIRE(here.run_duplex({"keygen", "-f", here.path("stranger")}).status == 0);
  const auto got = here.run_duplex(
      {"open", here.endpoint(), "echo", "--host-key", here.fingerprint(), "--identity", here.path("stranger")});
  CHECK(got.status == 255);
  CHECK_THAT(got.err, StartsWith("duplex: access denied: ") && Contains("| duplex allow -"));
  here.server().wait_for_error("no line of " + here.path("authorized_keys"));
}

TEST_CASE("duplex: an unknown or another host key is shown with its fingerprint", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  const words by_pin{"--host-key", "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
  const words by_list{"--known-hosts", here.path("nothing")};
  const auto pinned = GENERATE(true, false);
  words all{"open", here.endpoint(), "echo", "--identity", here.path("client")};
  const auto& more = pinned ? by_pin : by_list;
  all.insert(all.end(), more.begin(), more.end());
  const auto got = here.run_duplex(all);
  CHECK(got.status == 255);
  CHECK_THAT(got.err, StartsWith("duplex: host key") && Contains(here.fingerprint()));
}

TEST_CASE("duplex: a private key that is missing or open to others is refused with the way out", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  const auto with = [&](const std::string& key) {
    return here.run_duplex({"open", here.endpoint(), "echo", "--host-key", here.fingerprint(), "--identity", key});
  };
  const auto missing = with(here.path("none"));
  CHECK(missing.status == 255);
  CHECK_THAT(missing.err, Contains(here.path("none")) && Contains("duplex keygen -f"));
  ::chmod(here.path("client").c_str(), 0640);
  const auto open = with(here.path("client"));
  CHECK(open.status == 255);
  CHECK_THAT(open.err, Contains("0640") && Contains("chmod 600"));
  ::chmod(here.path("server").c_str(), 0644);
  const auto serve =
      here.run_duplex({"serve", "--bind", "tcp://127.0.0.1:0", "--identity", here.path("server"), "echo=echo"});
  CHECK(serve.status == 1);
  CHECK_THAT(serve.err, Contains("chmod 600"));
}

TEST_CASE("duplex: a port in use is named", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  const auto second =
      here.run_duplex({"serve", "--bind", here.endpoint(), "--identity", here.path("server"), "echo=echo"});
  CHECK(second.status == 1);
  CHECK_THAT(second.err, StartsWith("duplex: address in use") && Contains(here.endpoint()));
}

TEST_CASE("duplex: nobody at the endpoint is said at once", "[duplex]") {
  site here;
  std::uint16_t port = 0;
  {
    const listener gone;
    port = gone.port();
  }
  const auto got =
      here.run_duplex({"ping", "tcp://127.0.0.1:" + std::to_string(port), "--identity", here.path("client")});
  CHECK(got.status == 1);
  CHECK_THAT(got.err, StartsWith("duplex: connection failed") && Contains("refused"));
}

TEST_CASE("duplex: a server that talks nonsense or nothing is given up", "[duplex]") {
  site here;
  const listener target;
  const std::string said = GENERATE("", "HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-1.0-old\r\n");
  program open{here.duplex({"open", "tcp://127.0.0.1:" + std::to_string(target.port()), "echo", "--identity",
                            here.path("client"), "--host-key", "SHA256:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                            "--set", "connect_timeout=500ms"}),
               here.variables()};
  const int fd = target.accept();
  REQUIRE(fd >= 0);
  REQUIRE(send_all(fd, said));
  CHECK(open.wait() == 255);
  CHECK_THAT(open.err(), StartsWith("duplex: "));
  ::close(fd);
}

TEST_CASE("duplex: a client that talks nonsense or nothing is closed, and the others go on", "[duplex]") {
  site here;
  here.serve({"echo=echo"}, {"--set", "login_grace_time=500ms"});
  const std::string said = GENERATE(as<std::string>{}, "", "GET / HTTP/1.1\r\n\r\n", noise(100'000));
  const int fd = connect_to(here.port());
  (void)send_all(fd, said);
  CHECK(here.open({"echo"}, "x").out == "x");
  (void)receive(fd);  // up to its end
  ::close(fd);
  CHECK(here.open({"echo"}, "x").out == "x");
}

TEST_CASE("duplex: a server killed in mid-transfer ends its clients with a reason", "[duplex]") {
  site here;
  here.serve({"lots=source:100G"});
  program open{here.dial("open", {here.endpoint(), "lots"}), here.variables()};
  open.wait_for_output(1 << 20);
  here.server().signal(SIGKILL);
  CHECK(open.wait() == 255);
  CHECK_THAT(open.err(), StartsWith("duplex: connection lost"));
}

TEST_CASE("duplex: a frozen server is noticed by its silence", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  program open{
      here.dial("open", {here.endpoint(), "echo", "--set", "alive_interval=200ms", "--set", "alive_count_max=2"}),
      here.variables()};
  open.write("x");
  open.wait_for_output(1);
  here.server().signal(SIGSTOP);
  CHECK(open.wait() == 255);
  CHECK_THAT(open.err(), StartsWith("duplex: connection lost"));
  here.server().signal(SIGCONT);
}

TEST_CASE("duplex: SIGTERM and SIGINT end a server with status 0, its clients get a reason", "[duplex]") {
  site here;
  here.serve({"lots=source:100G"}, {"--set", "linger=300ms"});
  program open{here.dial("open", {here.endpoint(), "lots"}), here.variables()};
  open.wait_for_output(1 << 20);
  here.server().signal(GENERATE(SIGTERM, SIGINT));
  CHECK(open.wait() == 255);
  CHECK_THAT(open.err(), StartsWith("duplex: "));
  CHECK(here.server().wait() == 0);
}

TEST_CASE("duplex: SIGTERM lets what is in flight arrive whole", "[duplex]") {
  site here;
  here.serve({"some=source:30M"}, {"--set", "linger=20s"});
  program open{here.dial("open", {here.endpoint(), "some"}), here.variables()};
  open.wait_for_output(1 << 20);
  for (int i = 0; i < 2; ++i) here.server().signal(SIGTERM);  // timeout(1) sends it twice
  CHECK(open.wait() == 0);
  CHECK(open.out().size() == 30U << 20);
  CHECK(here.server().wait() == 0);
}

TEST_CASE("duplex: a client killed in mid-transfer ends its channel at the server, and others go on", "[duplex]") {
  site here;
  here.serve({"lots=source:100G", "echo=echo"}, {"-v"});
  program open{here.dial("open", {here.endpoint(), "lots"}), here.variables()};
  open.wait_for_output(1 << 20);
  open.signal(SIGKILL);
  here.server().wait_for_error("ended: connection lost");
  CHECK(here.open({"echo"}, "still here").out == "still here");
}

TEST_CASE("duplex: a frozen client is noticed by its silence", "[duplex]") {
  site here;
  here.serve({"echo=echo"}, {"-v", "--set", "alive_interval=200ms", "--set", "alive_count_max=2"});
  program open{here.dial("open", {here.endpoint(), "echo"}), here.variables()};
  open.write("x");
  open.wait_for_output(1);
  open.signal(SIGSTOP);
  here.server().wait_for_error("nothing heard");
  open.signal(SIGCONT);
  CHECK(open.wait() == 255);
}

TEST_CASE("duplex: a terminal that is closed ends serve as SIGTERM does, but not under nohup", "[duplex]") {
  site here;
  const std::string ignored = GENERATE("", "trap '' HUP; ");
  program serve{
      {"sh", "-c", ignored + "exec \"$@\"", "sh", DUPLEX_BIN_DIR "/duplex", "serve", "--identity", here.path("server"),
       "--authorized-keys", here.path("authorized_keys"), "--bind", "unix://" + here.path("sock"), "x=echo"},
      here.variables()};
  (void)serve.line("ready");
  serve.signal(SIGHUP);
  if (!ignored.empty()) {
    const auto end = connect_to(here.path("sock"));  // it serves on
    CHECK(receive(end, 8) == "SSH-2.0-");
    ::close(end);
    serve.signal(SIGTERM);
  }
  CHECK(serve.wait() == 0);
  CHECK_FALSE(std::filesystem::exists(here.path("sock")));
}
