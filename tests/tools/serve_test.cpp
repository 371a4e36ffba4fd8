// SPDX-License-Identifier: BSD-2-Clause
// Each KIND of service, through `duplex open`.
#include "tests/tools/site.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

using namespace tools_tests;
using Catch::Contains;
using Catch::StartsWith;

TEST_CASE("duplex: echo gives back ten megabytes as they came", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  const auto sent = noise(10 << 20);
  const auto got = here.open({"echo"}, sent);
  CHECK(got.status == 0);
  CHECK(got.err.empty());
  CHECK((got.out == sent));
}

TEST_CASE("duplex: frames gives back lines, and error frames on stderr", "[duplex]") {
  site here;
  here.serve({"frames=frames"});
  const auto got = here.open({"frames", "--frames"}, "one\n!two\n\nthree\nwithout an end");
  CHECK(got.status == 0);
  CHECK(got.out == "one\n\nthree\nwithout an end\n");
  CHECK(got.err == "two\n");
}

TEST_CASE("duplex: frames ends a channel that does not speak frames with the reason", "[duplex]") {
  site here;
  here.serve({"frames=frames"});
  const auto large = here.open({"frames"}, "\xff\xff\xff\xff more");
  CHECK(large.status == 14);
  CHECK_THAT(large.err, Contains("4294967295") && Contains("max_frame"));
  const auto cut = here.open({"frames"}, std::string_view{"\0\0\0\5abc", 7});
  CHECK(cut.status == 16);
  CHECK_THAT(cut.err, Contains("frame of 5"));
}

TEST_CASE("duplex: sink counts bytes and frames", "[duplex]") {
  site here;
  here.serve({"sink=sink"});
  const auto lines = here.open({"sink", "--frames", "--trailers"}, "a\nbb\n\nccc\n");
  CHECK(lines.status == 0);
  CHECK(lines.err == "bytes=22\nframes=4\nstatus=0\n");
  const auto raw = here.open({"sink", "--trailers"}, noise(5 << 20));
  CHECK_THAT(raw.err, StartsWith("bytes=5242880\nframes="));
  CHECK(here.open({"sink", "--trailers"}).err == "bytes=0\nframes=0\nstatus=0\n");
}

TEST_CASE("duplex: source sends so many bytes, then ends", "[duplex]") {
  site here;
  here.serve({"none=source:0", "some=source:12345", "more=source:3M"});
  CHECK(here.open({"none"}).out.empty());
  CHECK(here.open({"some"}).out.size() == 12345);
  const auto more = here.open({"more"});
  CHECK(more.status == 0);
  CHECK(more.out.size() == 3U << 20);
}

TEST_CASE("duplex: exec is a command's stdin, stdout, stderr and exit code", "[duplex]") {
  site here;
  here.serve({"run=exec:cat; echo oops >&2; exit 7", "killed=exec:kill -KILL $$", "most=exec:exit 255",
              "none=exec:/nonsense"});
  const auto sent = noise(3 << 20);
  const auto got = here.open({"run", "--trailers"}, sent);
  CHECK(got.status == 7);
  CHECK((got.out == sent));
  CHECK(got.err == "oops\nstatus=7\n");
  CHECK(here.open({"killed"}).status == 128 + SIGKILL);
  CHECK(here.open({"most"}).status == 254);  // 255 is open's own
  CHECK(here.open({"none"}).status == 127);
}

TEST_CASE("duplex: exec ends with its command though stdin stays open", "[duplex]") {
  site here;
  here.serve({"run=exec:exit 3"});
  program open{here.dial("open", {here.endpoint(), "run"}), here.variables()};
  CHECK(open.wait() == 3);
}

TEST_CASE("duplex: exec takes all stdin of a command that does not read it", "[duplex]") {
  site here;
  here.serve({"deaf=exec:exec <&-; read x </dev/null; echo done"});
  const auto got = here.open({"deaf"}, noise(4 << 20));
  CHECK(got.status == 0);
  CHECK(got.out == "done\n");
}

TEST_CASE("duplex: exec's command and its children end when the channel goes", "[duplex]") {
  site here;
  here.serve(
      {"nap=exec:sleep 1000 & echo $! $$; wait", "stubborn=exec:trap '' TERM; echo $$ $$; while :; do sleep 1; done"});
  const std::string service = GENERATE("nap", "stubborn");
  program open{here.dial("open", {here.endpoint(), service}), here.variables()};
  const auto ids = open.line("");
  open.signal(SIGKILL);
  CHECK(open.wait() == 128 + SIGKILL);
  CHECK(wait_until_gone(std::stoi(ids)));
  CHECK(wait_until_gone(std::stoi(ids.substr(ids.find(' ')))));
}

TEST_CASE("duplex: exec's command ends when the server does", "[duplex]") {
  site here;
  here.serve({"nap=exec:echo $$; exec sleep 1000"}, {"--set", "linger=100ms"});
  program open{here.dial("open", {here.endpoint(), "nap"}), here.variables()};
  const auto id = std::stoi(open.line(""));
  here.server().signal(SIGTERM);
  CHECK(here.server().wait() == 0);
  CHECK(wait_until_gone(id));
  CHECK(open.wait() == 255);
}

TEST_CASE("duplex: join splices both ways, and each direction ends by itself", "[duplex]") {
  site here;
  const bool unix_socket = GENERATE(false, true);
  const auto path = here.path("socket");
  const auto target = unix_socket ? std::make_unique<listener>(path) : std::make_unique<listener>();
  here.serve({"there=join:" + (unix_socket ? "unix://" + path : "tcp://localhost:" + std::to_string(target->port()))});
  program open{here.dial("open", {here.endpoint(), "there"}), here.variables()};
  open.write("question");
  open.close_stdin();
  const int fd = target->accept();
  REQUIRE(fd >= 0);
  // Moves open's stdin first: this test does both sides.
  REQUIRE(send_all(fd, "greeting "));
  open.wait_for_output(9);
  CHECK(receive(fd) == "question");
  REQUIRE(send_all(fd, "answer"));
  ::close(fd);
  CHECK(open.wait() == 0);
  CHECK(open.out() == "greeting answer");
}

TEST_CASE("duplex: join lets stdin go on after the other side has ended its sending", "[duplex]") {
  site here;
  const listener target;
  here.serve({"there=join:tcp://127.0.0.1:" + std::to_string(target.port())});
  program open{here.dial("open", {here.endpoint(), "there"}), here.variables()};
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

TEST_CASE("duplex: join closes its connection when the channel goes", "[duplex]") {
  site here;
  const listener target;
  here.serve({"there=join:tcp://127.0.0.1:" + std::to_string(target.port())});
  program open{here.dial("open", {here.endpoint(), "there"}), here.variables()};
  const int fd = target.accept();
  open.signal(SIGKILL);
  CHECK(receive(fd).empty());
  ::close(fd);
}

TEST_CASE("duplex: join says why it reaches nobody", "[duplex]") {
  site here;
  here.serve({"gone=join:unix://" + here.path("nobody")});
  const auto got = here.open({"gone"});
  CHECK(got.status == 1);
  CHECK_THAT(got.err, Contains("No such file") && Contains(here.path("nobody")));
}

TEST_CASE("duplex: serve listens at several endpoints and also connects", "[duplex]") {
  site hub;
  hub.serve({"echo=echo"}, {"--bind", "tcp://127.0.0.1:0"});
  site edge;
  REQUIRE(run({"cp", edge.path("server.pub"), hub.path("authorized_keys")}).status == 0);
  program dialling{edge.duplex({"serve", "--connect", hub.endpoint(), "--host-key", hub.fingerprint(), "--identity",
                                edge.path("server"), "-v"}),
                   edge.variables()};
  (void)dialling.line("ready");
  dialling.signal(SIGTERM);
  CHECK(dialling.wait() == 0);
}

TEST_CASE("duplex: exec tells the command who calls, and the headers, in its environment", "[duplex]") {
  site here;
  here.serve({"env=exec:env"});
  const auto got = here.open(
      {"env", "-H", "lang=en", "-H", "x-y=1; echo \"$HOME\"", "-H", "PATH=/none", "-H", "bare", "--name", "me"});
  CHECK(got.status == 0);
  const auto fingerprint = run({"ssh-keygen", "-lf", here.path("client")}).out.substr(4, 50);
  for (const std::string line :
       {"DUPLEX_SERVICE=env", "DUPLEX_REMOTE_PEER=me", "DUPLEX_REMOTE_ADDRESS=tcp://127.0.0.1:", "DUPLEX_USER=duplex",
        "DUPLEX_HEADER_lang=en\n", "DUPLEX_HEADER_x_y=1; echo \"$HOME\"\n", "DUPLEX_HEADER_PATH=/none\n"})
    CHECK_THAT(got.out, Contains('\n' + line) || Catch::StartsWith(line));
  CHECK_THAT(got.out, Contains("DUPLEX_REMOTE_KEY=" + fingerprint) && !Contains("\nPATH=/none"));
}
