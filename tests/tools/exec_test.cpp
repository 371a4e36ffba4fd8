// SPDX-License-Identifier: BSD-2-Clause
// `duplex serve --bind stdio:` as the child of another duplex, here and through sshd.
#include "tests/tools/sshd.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>

using namespace tools_tests;
using Catch::Contains;
using Catch::StartsWith;

namespace {

const std::string duplex = DUPLEX_BIN_DIR "/duplex";

std::string child(const std::string& services) { return "exec:" + duplex + " serve --bind stdio: " + services; }

}  // namespace

TEST_CASE("duplex: ping and open reach a command; what that prints goes to stderr", "[duplex]") {
  site here;
  const auto where = child("echo=echo");
  const auto ping = here.run_duplex({"ping", where, "-c", "1"});
  CHECK(ping.status == 0);
  CHECK_THAT(ping.out, StartsWith(where + " SHA256:") && Contains("round trip"));
  CHECK(ping.err.empty());
  const auto noisy = "exec:echo noise >&2; exec " + where.substr(5);
  CHECK(here.run_duplex({"ping", noisy, "-c", "1"}).err == "noise\n");
  const auto sent = noise(3 << 20);
  const auto open = here.run_duplex({"open", where, "echo"}, sent);
  CHECK(open.status == 0);
  CHECK((open.out == sent));
}

TEST_CASE("duplex: a command gets stdin, stdout and stderr, and no other descriptor of ours", "[duplex]") {
  site here;
  here.serve({"echo=echo", "fds=exec:ls /proc/self/fd"});
  CHECK(run(here.dial("open", {here.endpoint(), "fds"}), {}, here.variables()).out ==
        "0\n1\n2\n3\n");  // ls has one more
  CHECK_THAT(here.run_duplex({"ping", "exec:ls /proc/self/fd >&2; exit 1"}).err, StartsWith("0\n1\n2\n3\nduplex: "));
}

TEST_CASE("duplex: a command that has pipes for stdin and stdout is reached as well", "[duplex]") {
  site here;
  const auto sent = noise(3 << 20);
  const auto open =
      here.run_duplex({"open", "exec:cat | " + duplex + " serve --bind stdio: echo=echo | cat", "echo"}, sent);
  CHECK(open.status == 0);
  CHECK((open.out == sent));
}

TEST_CASE("duplex: open says how a command ended that is no peer", "[duplex]") {
  site here;
  const auto gone = here.run_duplex({"open", "exec:/nonsense", "echo"});
  CHECK(gone.status == 255);
  CHECK_THAT(gone.err, Contains("duplex: connection failed: connect 'exec:/nonsense': ") &&
                           Contains("; the command ended with status 127\n"));
  const auto silent = here.run_duplex({"ping", "exec:sleep 1000", "--set", "connect_timeout=100ms"});
  CHECK(silent.status == 1);
  CHECK_THAT(silent.err, Contains("timed out") && Contains("connect_timeout"));
}

TEST_CASE("duplex: a command's services, the process of an exec among them, end with the caller", "[duplex]") {
  site here;
  program open{here.duplex({"open", child("'nap=exec:echo $$ $PPID; exec sleep 1000'"), "nap"}), here.variables()};
  const auto ids = open.line("");
  open.signal(SIGKILL);
  CHECK(open.wait() == 128 + SIGKILL);
  CHECK(wait_until_gone(std::stoi(ids)));
  CHECK(wait_until_gone(std::stoi(ids.substr(ids.find(' ')))));
}

TEST_CASE("duplex: serve --bind stdio: ends with 0 when its session is over", "[duplex]") {
  site here;
  program serve{here.duplex({"serve", "--bind", "stdio:", "echo=echo"}), here.variables()};
  (void)serve.wait_for_output("SSH-2.0-", 0);
  serve.close_stdin();
  CHECK(serve.wait() == 0);
  CHECK_THAT(serve.out(), StartsWith("SSH-2.0-"));
  CHECK_THAT(serve.out(), !Contains("listening") && !Contains("ready"));
}

TEST_CASE("duplex: serve --bind stdio: whose output nobody reads ends without a signal", "[duplex]") {
  site here;
  program serve{here.duplex({"serve", "--bind", "stdio:"}), here.variables()};
  serve.close_stdout();
  serve.write(std::string(100'000, 'x') + '\n');
  CHECK(serve.wait() == 0);
}

TEST_CASE("duplex: stdio: is refused on a terminal, on a file, and a second time", "[duplex]") {
  site here;
  const auto serve = duplex + " serve --bind stdio: ";
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE((terminal >= 0 && ::grantpt(terminal) == 0 && ::unlockpt(terminal) == 0));
  const auto on_terminal = run({"sh", "-c", serve + "<" + ::ptsname(terminal)}, {}, here.variables());
  ::close(terminal);
  CHECK(on_terminal.status == 1);
  CHECK_THAT(on_terminal.err, Contains("stdin is a terminal") && Contains("exec:COMMAND"));
  const auto file = run({"sh", "-c", serve + ">" + here.path("file")}, {}, here.variables());
  CHECK(file.status == 1);
  CHECK_THAT(file.err, Contains("stdout is neither a socket nor a pipe"));
  program twice{{"sh", "-c", serve + "--bind stdio:"}, here.variables()};
  CHECK(twice.wait() == 1);
  CHECK_THAT(twice.err(), Contains("bound there already"));
}

TEST_CASE("duplex: serve --bind fd:N serves a socket that it inherits", "[duplex]") {
  site here;
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  // Moved to numbers that the child, which gets its streams from pipes, does not use.
  const int far = ::fcntl(ends[1], F_DUPFD, 50);
  program serve{here.duplex({"serve", "--bind", "fd:" + std::to_string(far), "echo=echo"}), here.variables()};
  ::close(far);
  ::close(ends[1]);
  CHECK_THAT(serve.line("listening "), StartsWith("fd:" + std::to_string(far) + " SHA256:"));
  CHECK(receive(ends[0], 8) == "SSH-2.0-");
  ::close(ends[0]);
  CHECK(serve.wait() == 0);
}

TEST_CASE("duplex: an sshd that is dialled in a peer's place is named", "[duplex][sshd]") {
  site here;
  const sshd there{here};
  here.make_key("stranger");
  const auto got = here.run_duplex({"ping", "--accept-new", "--known-hosts", here.path("hosts"), "--identity",
                                    here.path("stranger"), "tcp://127.0.0.1:" + std::to_string(there.port())});
  CHECK(got.status == 1);
  CHECK_THAT(got.err, Contains("is no Duplex peer but sshd (SSH-2.0-OpenSSH"));
}

TEST_CASE("duplex: exec:ssh reaches a duplex at another host, whose authorized_keys decides", "[duplex][sshd]") {
  site here;
  const sshd there{here};
  const auto where = "exec:" + there.ssh() + " DUPLEX_HOME=" + here.path("there") + " " + duplex +
                     " serve --bind stdio: --identity " + here.path("server") + " --authorized-keys " +
                     here.path("authorized_keys") + " echo=echo env=exec:env";
  const auto call = [&](words arguments, std::string_view input) {
    words all{"open", "--identity", here.path("client"), where};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return here.run_duplex(all, input);
  };
  const auto sent = noise(3 << 20);
  const auto echo = call({"echo"}, sent);
  INFO(echo.err);
  CHECK(echo.status == 0);
  CHECK((echo.out == sent));
  CHECK_THAT(call({"env"}, {}).out, Contains("\nSSH_CONNECTION=127.0.0.1 ") && !Contains("DUPLEX_PARENT_KEY"));

  here.admit({});
  const auto refused = call({"echo"}, {});
  CHECK(refused.status == 255);
  CHECK_THAT(refused.err, Contains("does not accept the key"));
}

TEST_CASE("duplex: exec:ssh tells that ssh could not log in", "[duplex][sshd]") {
  site here;
  const sshd there{here};
  REQUIRE(run({"cp", here.path("server.pub"), here.path("client.pub")}).status == 0);
  const auto refused = here.run_duplex({"ping", "exec:" + there.ssh() + " true"});
  CHECK(refused.status == 1);
  CHECK_THAT(refused.err, Contains("Permission denied") && Contains("the command ended with status 255"));
}
