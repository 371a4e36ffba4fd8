// SPDX-License-Identifier: BSD-2-Clause
// ssh -R: services offered by a program that knows nothing of Duplex.
#include "tests/tools/site.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <memory>
#include <thread>

using namespace tools_tests;
using Catch::Contains;
using Catch::StartsWith;

namespace {

// A server whose client may offer, and ssh -R clients with targets of the test's own.
struct offering : site {
  explicit offering(words services = {"echo=echo"}) {
    const auto line = public_line("client");
    admit("permitlisten=\"*:*\" " + line);
    serve(std::move(services), {"-v"});
  }
  [[nodiscard]] words offer(const std::string& what, const listener& target, words more = {}) const {
    words all{"-N", "-R", what + ":127.0.0.1:" + std::to_string(target.port())};
    all.insert(all.end(), more.begin(), more.end());
    return ssh(all);
  }
  // Waits until the server knows of it.
  void wait_for(const std::string& name) { server().wait_for_error("offers '" + name + "'"); }
  [[nodiscard]] program open_it(const std::string& name) const {
    return program{dial("open", {endpoint(), name}), variables()};
  }
};

// Serves one connection: says `text`, and ends it when the opener does.
void answer(const listener& target, program& opener, std::string_view text) {
  opener.close_stdin();
  const int fd = target.accept();
  CHECK(fd >= 0);
  CHECK(send_all(fd, text));
  ::shutdown(fd, SHUT_WR);
  CHECK(opener.wait() == 0);
  ::close(fd);
}

constexpr std::string_view page = "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello";

}  // namespace

TEST_CASE("duplex: what ssh -R offers is reached by duplex open", "[duplex]") {
  offering here;
  const listener target;
  const program ssh{here.offer("web:1", target), here.variables()};
  here.wait_for("web");
  auto open = here.open_it("web");
  answer(target, open, "hello");
  CHECK(open.out() == "hello");
}

TEST_CASE("duplex: what ssh -R offers is reached by another client's ssh -W, -s, and curl through -D", "[duplex]") {
  offering here;
  const listener target;
  const program ssh{here.offer("web:1", target), here.variables()};
  here.wait_for("web");
  for (const auto& client : {here.ssh({"-W", "web:1"}), here.ssh({"-s"}, {"web"})}) {
    program open{client, here.variables()};
    answer(target, open, "hello");
    CHECK(open.out() == "hello");
  }
  const auto proxy = "127.0.0.1:" + std::to_string(listener{}.port());
  program forward{here.ssh({"-v", "-N", "-D", proxy}), here.variables()};
  forward.wait_for_error("Entering interactive session");
  program curl{{"curl", "-sS", "--socks5-hostname", proxy, "http://web/"}};
  answer(target, curl, page);
  CHECK(curl.out() == "hello");
}

TEST_CASE("duplex: two offers of one name take turns", "[duplex]") {
  offering here;
  const listener one, two;
  const program first{here.offer("web:1", one), here.variables()};
  here.wait_for("web");
  const program second{here.offer("web:2", two), here.variables()};
  here.server().wait_for_error("offers 'web' (ssh -R, port 2)");
  for (int i = 0; i < 2; ++i)
    for (const auto* target : {&one, &two}) {
      auto open = here.open_it("web");
      answer(*target, open, "hello");
    }
}

TEST_CASE("duplex: ssh -R with port 0 gets a number, and its service is reached", "[duplex]") {
  offering here;
  const listener target;
  program ssh{here.offer("web:0", target), here.variables()};
  ssh.wait_for_error("Allocated port 49152 for remote forward");
  here.wait_for("web");
  auto open = here.open_it("web");
  answer(target, open, "hello");
}

TEST_CASE("duplex: an offer that ssh cancels is unknown again", "[duplex]") {
  offering here;
  const listener target;
  const auto control = here.path("control");
  program ssh{here.offer("web:1", target, {"-v", "-M", "-S", control}), here.variables()};
  here.wait_for("web");
  ssh.wait_for_error("Entering interactive session");  // only then does it listen for -O
  const auto cancelled =
      here.run_ssh({"-S", control, "-O", "cancel", "-R", "web:1:127.0.0.1:" + std::to_string(target.port())});
  CAPTURE(cancelled.err);
  CHECK(cancelled.status == 0);
  here.server().wait_for_error("no longer offers 'web'");
  const auto got = here.open({"web"});
  CHECK(got.status == 255);
  CHECK_THAT(got.err, StartsWith("duplex: unknown service: "));
}

TEST_CASE("duplex: the offers of a client that is killed are unknown again", "[duplex]") {
  offering here;
  const listener target;
  program ssh{here.offer("web:1", target), here.variables()};
  here.wait_for("web");
  ssh.signal(SIGKILL);
  here.server().wait_for_error("ended: connection lost");
  const auto got = here.open({"web"});
  CHECK(got.status == 255);
  CHECK_THAT(got.err, StartsWith("duplex: unknown service: "));
}

TEST_CASE("duplex: ssh -R without permitlisten is refused, and the log says what it needs", "[duplex]") {
  site here;
  here.serve({"echo=echo"}, {"-v"});
  const auto got = here.run_ssh({"-N", "-o", "ExitOnForwardFailure=yes", "-R", "web:1:127.0.0.1:9"});
  CHECK(got.status == 255);
  CHECK_THAT(got.err, Contains("Error: remote port forwarding failed for listen port 1"));
  here.server().wait_for_error("needs permitlisten=\"web:*\" at " + here.path("authorized_keys") + ":1");
}

TEST_CASE("duplex: ssh -R of a name that is served, reserved or none is refused, and ssh goes on", "[duplex]") {
  offering here;
  const auto* name = GENERATE("echo", "@x", "", "*");
  const auto got = here.run_ssh({"-R", name + std::string{":1:127.0.0.1:9"}, "-s"}, {"echo"}, "hello");
  CAPTURE(name, got.err);
  CHECK(got.status == 0);
  CHECK(got.out == "hello");
  CHECK_THAT(got.err, Contains("Warning: remote port forwarding failed for listen port 1"));
}

TEST_CASE("duplex: what one ssh offers twice is refused, and the log says why", "[duplex]") {
  offering here;
  const auto got = here.run_ssh({"-R", "colour:5:127.0.0.1:9", "-R", "colour:5:127.0.0.1:10", "-s"}, {"echo"}, "hello");
  CHECK(got.out == "hello");
  CHECK_THAT(got.err, Contains("Warning: remote port forwarding failed for listen port 5"));
  here.server().wait_for_error("refused ssh -R 'colour:5': already exists: this session offers it already");
}

TEST_CASE("duplex: an offer whose target is dead fails the open", "[duplex]") {
  offering here;
  auto target = std::make_unique<listener>();
  program ssh{here.offer("web:1", *target), here.variables()};
  here.wait_for("web");
  target.reset();
  const auto native = here.open({"web"});
  CHECK(native.status == 255);
  CHECK_THAT(native.err, StartsWith("duplex: connection failed: open 'web': ") && Contains("cannot reach"));
  const auto stock = here.run_ssh({"-s"}, {"web"});
  CHECK(stock.status == 255);
  CHECK_THAT(stock.err, Contains("duplex: connection failed: ") && Contains("cannot reach"));
}

TEST_CASE("duplex: five megabytes pass a relay both ways as they were", "[duplex]") {
  offering here;
  const listener target;
  const program ssh{here.offer("web:1", target), here.variables()};
  here.wait_for("web");
  const auto there = noise(5 << 20);
  const std::string back{there.rbegin(), there.rend()};
  const bool native = GENERATE(true, false);
  program open{native ? here.dial("open", {here.endpoint(), "web"}) : here.ssh({"-W", "web:1"}), here.variables()};
  open.write(there);
  open.close_stdin();
  const int fd = target.accept();
  // ssh -W reads no more of its stdin once the other side has ended: this side ends last.
  std::string got;
  std::thread serving{[&] {
    std::thread taking{[&] { got = receive(fd, there.size()); }};
    (void)send_all(fd, back);
    taking.join();
    ::shutdown(fd, SHUT_WR);
  }};
  CHECK(open.wait() == 0);
  serving.join();
  ::close(fd);
  CHECK((open.out() == back));
  CHECK((got == there));
}

TEST_CASE("duplex: a relay lets one side go on after the other has ended its sending", "[duplex]") {
  offering here;
  const listener target;
  const program ssh{here.offer("web:1", target), here.variables()};
  here.wait_for("web");
  auto open = here.open_it("web");
  const int fd = target.accept();
  REQUIRE(send_all(fd, "all I have\n"));
  ::shutdown(fd, SHUT_WR);
  (void)open.line("all I have");
  open.write("thank you");
  open.close_stdin();
  CHECK(open.wait() == 0);
  CHECK(receive(fd) == "thank you");
  ::close(fd);
}

TEST_CASE("duplex: a slow reader behind a relay slows the writer, and the server's memory stays", "[duplex]") {
  offering here;
  const listener target;
  const program ssh{here.offer("web:1", target), here.variables()};
  here.wait_for("web");
  program open{here.dial("open", {here.endpoint(), "web"}), here.variables()};
  const int fd = target.accept();
  const auto before = memory_of(here.server().id());
  // The target sends as long as anybody takes it; open's stdout is not read.
  const std::string chunk(1 << 20, 'x');
  std::size_t sent = 0;
  timeval soon{1, 0};  // stuck means: nothing taken for that long
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
  while (sent < 400U << 20) {
    const auto n = ::send(fd, chunk.data(), chunk.size(), MSG_NOSIGNAL);
    if (n <= 0) break;
    sent += static_cast<std::size_t>(n);
  }
  CHECK(sent < 100U << 20);
  CHECK(memory_of(here.server().id()) < before + (32U << 20));
  ::shutdown(fd, SHUT_WR);
  open.close_stdin();
  CHECK(open.wait() == 0);
  CHECK(open.out().size() == sent);
  ::close(fd);
}

TEST_CASE("duplex: an offering client killed in mid-transfer ends the opener's channel with a reason", "[duplex]") {
  offering here;
  const listener target;
  program ssh{here.offer("web:1", target), here.variables()};
  here.wait_for("web");
  auto open = here.open_it("web");
  const int fd = target.accept();
  REQUIRE(send_all(fd, "hello\n"));
  (void)open.line("hello");
  ssh.signal(SIGKILL);
  CHECK(open.wait() != 0);
  CHECK_THAT(open.err(), StartsWith("duplex: ") && Contains("beyond the relay: connection lost"));
  ::close(fd);
}

TEST_CASE("duplex: an opener killed in mid-transfer closes the target's connection", "[duplex]") {
  offering here;
  const listener target;
  const program ssh{here.offer("web:1", target), here.variables()};
  here.wait_for("web");
  program open{here.dial("open", {here.endpoint(), "web"}), here.variables()};
  const int fd = target.accept();
  REQUIRE(send_all(fd, "hello\n"));
  (void)open.line("hello");
  open.signal(SIGKILL);
  CHECK(receive(fd).empty());
  ::close(fd);
}

TEST_CASE("duplex: permitopen decides over offered services too", "[duplex]") {
  offering here;
  const auto other = here.make_key("other");
  here.admit("permitlisten=\"web:*\" " + here.public_line("client") + "permitopen=\"echo:*\" " + other);
  const listener target;
  const program ssh{here.offer("web:1", target), here.variables()};
  here.wait_for("web");
  const auto got = run(here.ssh_as("other", {"-s"}, {"web"}), {}, here.variables());
  CHECK(got.status == 255);
  CHECK_THAT(got.err, Contains("duplex: access denied: ") && Contains("may not open 'web'"));
}
