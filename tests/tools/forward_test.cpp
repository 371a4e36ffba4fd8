// SPDX-License-Identifier: BSD-2-Clause
// duplex forward, and services of other peers (peer:NAME/SERVICE).
#include "tests/tools/site.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

using namespace tools_tests;
using Catch::Contains;

namespace {

// What the page is for: a machine that nobody can dial, behind a hub that everybody can.
struct laptop_behind_hub : site {
  laptop_behind_hub() {
    serve({"site=peer:laptop/web", "echo=echo"});
    laptop = std::make_unique<program>(
        dial("serve", {"--connect", endpoint(), "--name", "laptop", "web=exec:" + page, "deaf=join:unix:///none"}),
        variables());
    (void)laptop->line("ready");
  }
  const std::string page = "printf 'HTTP/1.0 200 OK\\r\\nContent-Length: 12\\r\\n\\r\\nfrom laptop\\n'";
  std::unique_ptr<program> laptop;
};

std::uint16_t port_of(const std::string& endpoint) {
  return static_cast<std::uint16_t>(std::stoul(endpoint.substr(endpoint.rfind(':') + 1)));
}

}  // namespace

TEST_CASE("duplex: forward joins each connection to a tcp port with a channel", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  program forward{here.dial("forward", {"tcp://127.0.0.1:0", here.endpoint(), "echo"}), here.variables()};
  const auto port = port_of(forward.line("listening "));
  const auto sent = noise(1 << 20);
  const int one = connect_to(port), two = connect_to(port);
  CHECK(send_all(one, "first"));
  CHECK(send_all(two, "second"));
  CHECK(receive(two, 6) == "second");
  CHECK(receive(one, 5) == "first");
  ::shutdown(two, SHUT_WR);
  CHECK(receive(two).empty());  // half-close reaches the service, and its end comes back
  ::close(one);
  ::close(two);
  forward.signal(SIGTERM);
  CHECK(forward.wait() == 0);
}

TEST_CASE("duplex: forward listens on a unix socket, closed to others, and removes it", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  const auto path = here.path("forward.sock");
  program forward{here.dial("forward", {"unix://" + path, here.endpoint(), "echo"}), here.variables()};
  CHECK(forward.line("listening ") == "unix://" + path);
  struct stat about {};
  REQUIRE(::stat(path.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0600);
  const int fd = connect_to(path);
  CHECK(send_all(fd, "hello"));
  CHECK(receive(fd, 5) == "hello");
  ::close(fd);
  forward.signal(SIGINT);
  CHECK(forward.wait() == 0);
  CHECK(::stat(path.c_str(), &about) != 0);
}

TEST_CASE("duplex: forward closes a connection whose service is refused, says why, and goes on", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  program forward{here.dial("forward", {"tcp://127.0.0.1:0", here.endpoint(), "nothing"}), here.variables()};
  const auto port = port_of(forward.line("listening "));
  for (int i = 0; i < 2; ++i) {
    const int fd = connect_to(port);
    CHECK(receive(fd).empty());
    ::close(fd);
  }
  forward.wait_for_error("'nothing' is not served here");
}

TEST_CASE("duplex: forward says at once what it cannot do", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  const listener taken;
  const auto at = "tcp://127.0.0.1:" + std::to_string(taken.port());
  const auto in_use = run(here.dial("forward", {at, here.endpoint(), "echo"}), {}, here.variables());
  CHECK(in_use.status == 1);
  CHECK_THAT(in_use.err, Contains("address in use") && Contains(at) && Contains("choose another port"));
  const auto nobody = run(here.dial("forward", {"tcp://127.0.0.1:0", "unix:///nobody", "echo"}), {}, here.variables());
  CHECK(nobody.status == 1);
  CHECK_THAT(nobody.err, Contains("unix:///nobody"));
  const auto nowhere = here.run_duplex({"forward", "stdio:", here.endpoint(), "echo"});
  CHECK(nowhere.status == 2);
  CHECK_THAT(nowhere.err, Contains("tcp://host:port"));
}

TEST_CASE("duplex: forward opens again after the server was restarted", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  program forward{
      here.dial("forward", {"-v", "--set", "reconnect_delay_max=100ms", "tcp://127.0.0.1:0", here.endpoint(), "echo"}),
      here.variables()};
  const auto port = port_of(forward.line("listening "));
  here.server().signal(SIGTERM);
  CHECK(here.server().wait() == 0);
  program again{here.duplex({"serve", "--bind", here.endpoint(), "--identity", here.path("server"), "--authorized-keys",
                             here.path("authorized_keys"), "--name", "again", "echo=echo"}),
                here.variables()};
  (void)again.line("ready");
  forward.wait_for_error("'again' (SHA256:");
  const int fd = connect_to(port);
  CHECK(send_all(fd, "back"));
  CHECK(receive(fd, 4) == "back");
  ::close(fd);
}

TEST_CASE("duplex: a service of a peer behind NAT is reached through the hub, with ssh -D and curl", "[duplex]") {
  laptop_behind_hub here;
  // -D takes no port 0: a free one is found, and lost to somebody else once in a blue moon.
  const auto port = std::to_string(listener{}.port());
  auto words = here.ssh({"-f", "-N", "-o", "ExitOnForwardFailure=yes", "-o", "ControlMaster=yes", "-o",
                         "ControlPath=" + here.path("master"), "-D", "127.0.0.1:" + port});
  REQUIRE(run(words, {}, here.variables()).status == 0);
  const auto got = run({"curl", "-sS", "--max-time", "20", "--socks5-hostname", "127.0.0.1:" + port, "http://site/"},
                       {}, here.variables());
  CAPTURE(got.err);
  CHECK(got.status == 0);
  CHECK(got.out == "from laptop\n");
  CHECK(run(here.ssh({"-O", "exit", "-o", "ControlPath=" + here.path("master")}), {}, here.variables()).status == 0);
}

TEST_CASE("duplex: a service of a peer that is not connected ends with the reason", "[duplex]") {
  laptop_behind_hub here;
  here.laptop->signal(SIGTERM);
  CHECK(here.laptop->wait() == 0);
  const auto got = here.open({"site"});
  CHECK(got.status == 5);  // connection failed
  CHECK_THAT(got.err, Contains("laptop"));
}

TEST_CASE("duplex: peer: names a peer and a service, or is refused", "[duplex]") {
  const site here;
  const std::string kind =
      GENERATE("peer:", "peer:laptop", "peer:/web", "peer:laptop/", "peer:a b/web", "peer:x/@duplex");
  const auto said = here.run_duplex({"serve", "--bind", "tcp://127.0.0.1:0", "x=" + kind});
  CHECK(said.status == 2);
  CHECK_THAT(said.err, Contains("'" + kind + "'") && Contains("peer:NAME/SERVICE"));
}

TEST_CASE("duplex: forward says why a service failed", "[duplex]") {
  site here;
  here.serve({"site=peer:nobody/web"});
  program forward{here.dial("forward", {"tcp://127.0.0.1:0", here.endpoint(), "site"}), here.variables()};
  const int one = connect_to(port_of(forward.line("listening ")));
  CHECK(receive(one).empty());
  ::close(one);
  forward.wait_for_error(
      "duplex: the service ended with status 5: not connected: open 'web': no session leads to 'nobody'\n");
}
