// SPDX-License-Identifier: BSD-2-Clause
// Software that knows nothing of Duplex: OpenSSH's client.
#include "tests/tools/site.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

using namespace tools_tests;
using Catch::Contains;

TEST_CASE("duplex: ssh -W reaches a service", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  const auto sent = noise(1 << 20);
  const auto got = run(here.ssh({"-W", "echo:1"}), sent, here.variables());
  CAPTURE(got.err);
  CHECK(got.status == 0);
  CHECK((got.out == sent));
}

TEST_CASE("duplex: ssh -W to a service that nobody serves, or to an address, is refused", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  const std::string target = GENERATE("nothing:1", "127.0.0.1:22", "@duplex:1");
  const auto got = run(here.ssh({"-W", target}), {}, here.variables());
  CHECK(got.status == 255);
  CHECK_THAT(got.err, Contains("forwarding failed"));
}

TEST_CASE("duplex: ssh with an unknown key is turned away", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  REQUIRE(run({"cp", here.path("server.pub"), here.path("authorized_keys")}).status == 0);
  const auto got = run(here.ssh({"-W", "echo:1"}), {}, here.variables());
  CHECK(got.status == 255);
  CHECK_THAT(got.err, Contains("Permission denied"));
}

TEST_CASE("duplex: fifty channels at once from one ssh -L", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  program ssh{here.ssh({"-v", "-N", "-L", here.path("forward") + ":echo:1"}), here.variables()};
  ssh.wait_for_error("Entering interactive session");
  std::vector<int> sockets(50);
  for (auto& fd : sockets) fd = connect_to(here.path("forward"));
  for (std::size_t i = 0; i < sockets.size(); ++i) CHECK(send_all(sockets[i], "channel " + std::to_string(i) + "!"));
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    const auto expected = "channel " + std::to_string(i) + "!";
    CHECK(receive(sockets[i], expected.size()) == expected);
  }
  for (const int fd : sockets) ::close(fd);
}

TEST_CASE("duplex: the demonstration shows what it should", "[duplex]") {
  const auto shown = run({DUPLEX_SOURCE_DIR "/tools/demo.sh", DUPLEX_BIN_DIR});
  CAPTURE(shown.out, shown.err);
  CHECK(shown.status == 0);
  CHECK_THAT(shown.out, Contains("hello from ssh") && Contains("To try it yourself"));
}
