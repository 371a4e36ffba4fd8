// SPDX-License-Identifier: BSD-2-Clause
// Services through forwarded ports: ssh -L, ssh -D with curl, and everything at once over one ControlMaster.
#include "tests/tools/site.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

using namespace tools_tests;
using Catch::Contains;

namespace {

// Answers a request for a page without looking at it.
constexpr const char* web =
    "web=exec:head -c 3 >/dev/null; printf 'HTTP/1.0 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello'";

// A port that nobody listens on, for ssh to take. It may be taken in between: then ssh fails, and the test with it.
std::string free_port() { return std::to_string(listener{}.port()); }

// ssh -D on a port of its own, up by the time this is made.
struct proxy {
  explicit proxy(const site& at)
      : port(free_port()), ssh(at.ssh({"-v", "-N", "-D", "127.0.0.1:" + port}), at.variables()) {
    ssh.wait_for_error("Entering interactive session");
  }
  [[nodiscard]] outcome curl(const std::string& url, const words& more = {}) const {
    words all{"curl", "-sS", "--max-time", "30", "--socks5-hostname", "127.0.0.1:" + port};
    all.insert(all.end(), more.begin(), more.end());
    all.push_back(url);
    return run(all);
  }
  std::string port;
  program ssh;
};

}  // namespace

TEST_CASE("duplex: curl reaches a service by its name through ssh -D", "[duplex]") {
  site here;
  here.serve({web});
  const proxy through{here};
  for (const auto* url : {"http://web/", "http://web:8080/a/page"}) {
    const auto got = through.curl(url);
    CAPTURE(got.err);
    CHECK(got.status == 0);
    CHECK(got.out == "hello");
  }
}

TEST_CASE("duplex: names and addresses that are not served fail curl through ssh -D, and ssh goes on", "[duplex]") {
  site here;
  here.serve({web});
  const proxy through{here};
  const auto* url = GENERATE("http://nothing/", "http://127.0.0.1:22/", "http://@duplex/", "http://localhost/");
  constexpr int socks_failed = 97;
  CHECK(through.curl(url, {"--globoff", "--path-as-is"}).status == socks_failed);
  CHECK(through.curl("http://web/").out == "hello");
}

TEST_CASE("duplex: ssh -L on a port reaches a service, each direction ending by itself", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  const auto port = free_port();
  program ssh{here.ssh({"-v", "-N", "-L", "127.0.0.1:" + port + ":echo:7"}), here.variables()};
  ssh.wait_for_error("Entering interactive session");
  const int fd = connect_to(static_cast<std::uint16_t>(std::stoul(port)));
  REQUIRE(send_all(fd, "hello"));
  ::shutdown(fd, SHUT_WR);
  CHECK(receive(fd) == "hello");
  ::close(fd);
}

TEST_CASE("duplex: ssh -L to a service that nobody serves closes the connection, and ssh goes on", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  program ssh{here.ssh({"-v", "-N", "-L", here.path("no") + ":nothing:1", "-L", here.path("yes") + ":echo:1"}),
              here.variables()};
  ssh.wait_for_error("Entering interactive session");
  const int refused = connect_to(here.path("no"));
  CHECK(receive(refused).empty());
  ::close(refused);
  const int fd = connect_to(here.path("yes"));
  REQUIRE(send_all(fd, "hello"));
  CHECK(receive(fd, 5) == "hello");
  ::close(fd);
}

TEST_CASE("duplex: forwarding to and from unix sockets of the server is refused, and the service goes on", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  SECTION("-L") {
    program ssh{here.ssh({"-L", here.path("forward") + ":/run/any.sock", "-s"}, {"echo"}), here.variables()};
    ssh.write("up\n");
    (void)ssh.line("up");
    const int fd = connect_to(here.path("forward"));
    CHECK(receive(fd).empty());
    ::close(fd);
    ssh.write("still\n");
    (void)ssh.line("still");
    ssh.close_stdin();
    CHECK(ssh.wait() == 0);
  }
  SECTION("-R") {
    const auto got = here.run_ssh({"-R", "/run/any.sock:" + here.path("target"), "-s"}, {"echo"}, "hello");
    CHECK(got.status == 0);
    CHECK(got.out == "hello");
    CHECK_THAT(got.err, Contains("Warning: remote port forwarding failed"));
  }
}

TEST_CASE("duplex: one ControlMaster carries -s, -W, commands and forwards at once", "[duplex]") {
  site here;
  here.serve({"echo=echo", "frames=frames"}, {"-v"});
  const auto control = here.path("control"), socket = here.path("forward");
  program master{here.ssh({"-v", "-M", "-N", "-S", control}), here.variables()};
  master.wait_for_error("Entering interactive session");
  const words over{"-S", control};
  CHECK(here.run_ssh({"-S", control, "-O", "forward", "-L", socket + ":echo:1"}).status == 0);
  const int forward = connect_to(socket);
  program by_name{here.ssh({"-S", control, "-s"}, {"frames"}), here.variables()};
  program raw{here.ssh({"-S", control, "-W", "echo:1"}), here.variables()};
  program command{here.ssh(over, {"echo with arguments"}), here.variables()};
  for (int i = 0; i < 3; ++i) {
    const auto text = "round " + std::to_string(i) + '\n';
    REQUIRE(send_all(forward, text));
    CHECK(receive(forward, text.size()) == text);
    for (auto* one : {&by_name, &raw, &command}) {
      one->write(text);
      CHECK(one->line("round ") == std::to_string(i));
    }
  }
  for (auto* one : {&by_name, &raw, &command}) {
    one->close_stdin();
    CHECK(one->wait() == 0);
  }
  ::close(forward);
  CHECK(here.run_ssh({"-S", control, "-O", "exit"}).status == 0);
  (void)master.wait();
  const auto& log = here.server().err();
  here.server().wait_for_error("ended: ");
  CHECK(log.find("authenticated") == log.rfind("authenticated"));  // one session carried it all
}
