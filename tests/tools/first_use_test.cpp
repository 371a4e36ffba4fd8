// SPDX-License-Identifier: BSD-2-Clause
// From nothing to a working ssh -s, by what the program itself says.
#include "tests/tools/site.hpp"

#include <catch2/catch.hpp>

using namespace tools_tests;
using Catch::Contains;

namespace {

// The rest of the line behind `prefix`.
std::string told(const std::string& text, const std::string& prefix) {
  const auto at = text.find(prefix);
  if (at == std::string::npos) return {};
  return text.substr(at + prefix.size(), text.find('\n', at) - at - prefix.size());
}

// As typed into a shell, with the built program in PATH.
words typed(const std::string& line) { return {"sh", "-c", "PATH=" DUPLEX_BIN_DIR ":$PATH; " + line}; }

}  // namespace

TEST_CASE("duplex: five commands that it tells lead from nothing to a working ssh -s", "[duplex]") {
  const site here;  // its keys are not used: the configuration folder is empty
  // 1: what to start with
  auto serve = told(run(typed("duplex --help"), {}, here.variables()).out, "Start with: ");
  CHECK(serve == "duplex serve --bind tcp://127.0.0.1:2259 echo=echo");
  // 2: the port is the only thing that a test may not take as it is
  serve.replace(serve.find("2259"), 4, "0");
  program server{typed("exec " + serve), here.variables()};
  (void)server.line("ready");
  server.wait_for_error("nobody can log in: " + here.path("home/authorized_keys") + " does not exist");
  server.wait_for_error("; admit one with: duplex allow KEY.pub\n");
  server.wait_for_error("duplex: then try: ssh -p ");
  server.wait_for_error(" -s 127.0.0.1 echo\n");
  // 3: the login, with a user's key, is refused
  const auto options = " -F none -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o IdentitiesOnly=yes -i " +
                       here.path("client") + " -o UserKnownHostsFile=" + here.path("hosts");
  const auto ssh = "ssh" + options + told(server.err(), "then try: ssh");
  const auto refused = run(typed(ssh), "hello\n", here.variables());
  CHECK(refused.status == 255);
  CHECK_THAT(refused.err, Contains("Permission denied (publickey)"));
  // 4: the server has told how to admit that key
  server.wait_for_error(" | duplex allow -\n");
  const auto allow = told(server.err(), "admit it with: ");
  CHECK_THAT(allow, Catch::StartsWith("echo 'ssh-ed25519 "));
  CHECK(run(typed(allow), {}, here.variables()).status == 0);
  // 5: and now it works
  const auto got = run(typed(ssh), "hello\n", here.variables());
  CAPTURE(got.err);
  CHECK(got.status == 0);
  CHECK(got.out == "hello\n");
}
