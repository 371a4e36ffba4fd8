// SPDX-License-Identifier: BSD-2-Clause
// A service on an SSH session channel: ssh -s HOST SERVICE, and ssh HOST 'SERVICE arguments'.
#include "tests/tools/site.hpp"

#include <catch2/catch.hpp>
#include <csignal>

using namespace tools_tests;
using Catch::Contains;

namespace {

std::string many_lines(std::size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i) text += "line " + std::to_string(i) + " of many\n";
  return text;
}

}  // namespace

TEST_CASE("duplex: ssh -s speaks lines to a service that speaks frames, and shows its error frames", "[duplex]") {
  site here;
  here.serve({"frames=frames"});
  const auto got = here.run_ssh({"-s"}, {"frames"}, "one\n!two\n\nthree\nwithout an end");
  CAPTURE(got.err);
  CHECK(got.status == 0);
  CHECK(got.out == "one\n\nthree\nwithout an end\n");
  CHECK_THAT(got.err, Catch::EndsWith("two\n"));
}

TEST_CASE("duplex: ssh -s carries a megabyte of lines both ways in their order", "[duplex]") {
  site here;
  here.serve({"frames=frames"});
  const auto sent = many_lines(1 << 20);
  const auto got = here.run_ssh({"-s"}, {"frames"}, sent);
  CAPTURE(got.err);
  CHECK(got.status == 0);
  CHECK((got.out == sent));
}

TEST_CASE("duplex: ssh -s carries the bytes of a raw service as they are", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  const auto sent = noise(3 << 20);
  const auto got = here.run_ssh({"-s"}, {"echo"}, sent);
  CAPTURE(got.err);
  CHECK(got.status == 0);
  CHECK((got.out == sent));
}

TEST_CASE("duplex: ssh -s ends with the service's exit status", "[duplex]") {
  site here;
  const auto status = GENERATE(0, 1, 42, 254, 255);
  here.serve({"run=exec:exit " + std::to_string(status)});
  CHECK(here.run_ssh({"-s"}, {"run"}).status == std::min(status, 254));  // 255 is ssh's own
}

TEST_CASE("duplex: ssh -s shows a command's stderr", "[duplex]") {
  site here;
  here.serve({"run=exec:echo out; echo oops >&2; exit 3"});
  const auto got = here.run_ssh({"-s"}, {"run"});
  CHECK(got.status == 3);
  CHECK(got.out == "out\n");
  CHECK_THAT(got.err, Contains("oops\n"));
}

TEST_CASE("duplex: a line over max_frame ends that ssh with the reason, and others go on", "[duplex]") {
  site here;
  here.serve({"frames=frames"}, {"--set", "max_frame=1K"});
  program other{here.ssh({"-s"}, {"frames"}), here.variables()};
  other.write("before\n");
  (void)other.line("before");
  const auto got = here.run_ssh({"-s"}, {"frames"}, std::string(1025, 'x') + '\n');
  CHECK(got.status == 14);  // errc::frame_too_large
  CHECK_THAT(got.err, Contains("duplex: ") && Contains("a line of 1025 bytes") && Contains("1024 (option max_frame)"));
  other.write("after\n");
  (void)other.line("after");
  other.close_stdin();
  CHECK(other.wait() == 0);
}

TEST_CASE("duplex: a line that fills max_frame passes", "[duplex]") {
  site here;
  here.serve({"frames=frames"}, {"--set", "max_frame=1K"});
  const auto line = std::string(1024, 'x') + '\n';
  const auto got = here.run_ssh({"-s"}, {"frames"}, line);
  CHECK(got.status == 0);
  CHECK((got.out == line));
}

TEST_CASE("duplex: a line larger than the window still arrives whole", "[duplex]") {
  site here;
  here.serve({"frames=frames"});
  const auto line = std::string(5 << 20, 'x') + '\n';
  const auto got = here.run_ssh({"-s"}, {"frames"}, line);
  CAPTURE(got.err);
  CHECK(got.status == 0);
  CHECK((got.out == line));
}

TEST_CASE("duplex: ssh -s with no stdin gets all that the service sends", "[duplex]") {
  site here;
  here.serve({"some=source:3M"});
  const bool none = GENERATE(false, true);
  const auto got = here.run_ssh(none ? words{"-n", "-s"} : words{"-s"}, {"some"});
  CHECK(got.status == 0);
  CHECK(got.out.size() == 3U << 20);
}

TEST_CASE("duplex: ssh -s ends when the service does, though its stdin stays open", "[duplex]") {
  site here;
  here.serve({"run=exec:echo done; exit 5"});
  program ssh{here.ssh({"-s"}, {"run"}), here.variables()};
  CHECK(ssh.wait() == 5);
  CHECK(ssh.out() == "done\n");
}

TEST_CASE("duplex: an ssh -s that is killed ends its service, and others go on", "[duplex]") {
  site here;
  here.serve({"nap=exec:echo $$; exec sleep 1000", "echo=echo"});
  program ssh{here.ssh({"-s"}, {"nap"}), here.variables()};
  const auto id = std::stoi(ssh.line(""));
  ssh.signal(SIGKILL);
  CHECK(ssh.wait() == 128 + SIGKILL);
  CHECK(wait_until_gone(id));
  CHECK(here.run_ssh({"-s"}, {"echo"}, "x").out == "x");
}

TEST_CASE("duplex: a command's first word is the service", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  CHECK(here.run_ssh({}, {"echo"}, "hello").out == "hello");
  CHECK(here.run_ssh({}, {"echo", "with", "arguments"}, "hello").out == "hello");
  CHECK(here.run_ssh({}, {"  echo  with  blanks "}, "hello").out == "hello");
}

TEST_CASE("duplex: a service that nobody serves is named on stderr, with status 255", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  const bool subsystem = GENERATE(true, false);
  const auto got = here.run_ssh(subsystem ? words{"-s"} : words{}, {"nothing"});
  CHECK(got.status == 255);
  CHECK(got.out.empty());
  CHECK_THAT(got.err, Contains("duplex: unknown service: 'nothing' is not served here\n"));
}

TEST_CASE("duplex: names that are none, and reserved ones, are refused with a sentence", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  const auto* name = GENERATE("@duplex", "@x", "!", "a;b", "");
  const auto got = here.run_ssh({"-s"}, {name, "x"});
  CAPTURE(name, got.err);
  CHECK(got.status == 255);
  CHECK_THAT(got.err, Contains("duplex: "));
}

TEST_CASE("duplex: ssh without a command says that there is no shell", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  const auto got = here.run_ssh({});
  CHECK(got.status == 255);
  CHECK_THAT(got.err, Contains("duplex: ") && Contains("no shell here") && Contains("ssh -s HOST SERVICE"));
}

TEST_CASE("duplex: a terminal is refused, which ends an ssh that insists, and nothing else", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  const auto got = here.run_ssh({"-tt"}, {"echo"}, "hello");
  CHECK(got.status == 255);
  CHECK_THAT(got.err, Contains("PTY allocation request failed"));
  CHECK(here.run_ssh({"-T"}, {"echo"}, "hello").out == "hello");
}

TEST_CASE("duplex: X11 and agent forwarding are refused without harm to the service", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  auto with = here.variables();
  with.emplace_back("DISPLAY", ":99");
  const words options = GENERATE(words{"-X"}, words{"-Y"}, words{"-A"});
  const auto got = run(here.ssh(options, {"echo"}), "hello", with);
  CAPTURE(options, got.err);
  CHECK(got.status == 0);
  CHECK(got.out == "hello");
}

TEST_CASE("duplex: a server that ends tells ssh -s why", "[duplex]") {
  site here;
  here.serve({"nap=exec:echo up; exec sleep 1000"}, {"--set", "linger=100ms"});
  program ssh{here.ssh({"-s"}, {"nap"}), here.variables()};
  (void)ssh.line("up");
  here.server().signal(SIGTERM);
  CHECK(ssh.wait() == 255);
  CHECK_THAT(ssh.err(), Contains("the peer is shutting down"));
  CHECK(here.server().wait() == 0);
}
