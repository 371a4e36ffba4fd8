// SPDX-License-Identifier: BSD-2-Clause
// OpenSSH's ssh-agent, and passphrases.
#include "tests/tools/site.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

using namespace tools_tests;
using Catch::Contains;
using Catch::StartsWith;

namespace {

/// A server, and an ssh-agent with some keys of which the server may know some.
class agent_site : public site {
 public:
  agent_site() : agent_({"ssh-agent", "-D", "-a", path("agent")}, with_agent()) {
    (void)agent_.line("SSH_AUTH_SOCK=");
    serve({"echo=echo"});
  }
  [[nodiscard]] environment with_agent() const {
    auto all = variables();
    all.emplace_back("SSH_AUTH_SOCK", path("agent"));
    return all;
  }
  /// Makes a key that only the agent has, or gives it one that is there.
  void add_key(const std::string& name, words how = {}, const environment& with = {}) const {
    if (!std::filesystem::exists(path(name))) REQUIRE(run_duplex({"keygen", "-f", path(name)}).status == 0);
    words all{"ssh-add", "-q"};
    all.insert(all.end(), how.begin(), how.end());
    all.push_back(path(name));
    auto variables = with_agent();
    variables.insert(variables.end(), with.begin(), with.end());
    const auto added = run(all, {}, variables);
    CAPTURE(added.err);
    REQUIRE(added.status == 0);
    std::filesystem::remove(path(name));
  }
  /// The server knows that key and no other.
  void allow(const std::string& name) const {
    std::filesystem::copy_file(path(name + ".pub"), path("authorized_keys"),
                               std::filesystem::copy_options::overwrite_existing);
  }
  [[nodiscard]] outcome open_with(words more) const {
    more.insert(more.begin(), {endpoint(), "echo"});
    return run(dial("open", more), "hello", with_agent());
  }

 private:
  program agent_;
};

// A command on a terminal of its own, where each text is typed once its prompt has appeared. Gives all that is shown.
outcome on_terminal(const words& command, const std::vector<std::pair<std::string, std::string>>& prompts_and_texts,
                    const environment& with) {
  std::string line = "exec";  // some shells would stay, and take Ctrl-C for themselves
  for (const auto& word : command) line += " '" + word + "'";
  program terminal{{"script", "-qec", line, "/dev/null"}, with};
  std::size_t seen = 0;
  for (const auto& [prompt, text] : prompts_and_texts) {
    seen = terminal.wait_for_output(prompt, seen);
    terminal.write(text);
  }
  const int status = terminal.wait();
  return {status, terminal.out(), terminal.err()};
}

void encrypt(const std::string& key) {
  REQUIRE(run({"ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-a", "1", "-f", key}).status == 0);
}

}  // namespace

TEST_CASE("duplex: --agent opens with a key that only the agent has", "[agent]") {
  const agent_site here;
  here.add_key("other");
  here.add_key("mine");
  here.allow("mine");
  CHECK(here.open_with({}).status == 255);
  const auto got = here.open_with({"--agent", "-v"});
  CAPTURE(got.err);
  CHECK(got.status == 0);
  CHECK(got.out == "hello");
  CHECK_THAT(got.err, Contains("ssh-agent at '" + here.path("agent") + "'"));
  CHECK(here.open_with({"--set", "identity_agent=" + here.path("agent")}).out == "hello");
}

TEST_CASE("duplex: each kind of key that ssh-keygen makes serves and logs in, by itself and through an agent",
          "[agent]") {
  const words kind = GENERATE(words{"ed25519"}, words{"ecdsa", "-b", "256"}, words{"ecdsa", "-b", "384"},
                              words{"ecdsa", "-b", "521"}, words{"rsa", "-b", "2048"});
  agent_site here;
  for (const auto* name : {"server", "client", "mine"}) {
    std::filesystem::remove(here.path(name));
    words making{"ssh-keygen", "-q", "-N", "", "-f", here.path(name), "-t"};
    making.insert(making.end(), kind.begin(), kind.end());
    CAPTURE(making);
    REQUIRE(run(making).status == 0);
  }
  here.serve({"echo=echo"});
  here.allow("client");
  CHECK(here.open_with({}).out == "hello");
  CHECK(here.run_ssh({}, {"echo"}, "hello").out == "hello");
  here.add_key("mine");
  here.allow("mine");
  const auto got = here.open_with({"--agent"});
  CHECK(got.out == "hello");
  CHECK_THAT(got.err, !Contains("denied"));
}

TEST_CASE("duplex: --agent falls back to the identity's key", "[agent]") {
  const agent_site here;
  if (GENERATE(true, false)) here.add_key("other");
  const auto got = here.open_with({"--agent"});
  CAPTURE(got.err);
  CHECK(got.out == "hello");
}

TEST_CASE("duplex: an agent whose user says no to a signature is passed over", "[agent]") {
  const agent_site here;
  here.add_key("mine", {"-c"});
  here.allow("mine");
  const auto refused = here.open_with({"--agent"});  // it cannot ask anybody
  CHECK(refused.status == 255);
  CHECK_THAT(refused.err, StartsWith("duplex: access denied: ") && Contains("' did not sign"));
  here.allow("client");
  CHECK(here.open_with({"--agent"}).out == "hello");
}

TEST_CASE("duplex: --agent without an agent, or with keys that nobody accepts, says so", "[agent]") {
  const agent_site here;
  here.add_key("other");
  std::filesystem::remove(here.path("authorized_keys"));
  const auto refused = here.open_with({"--agent"});
  CHECK(refused.status == 255);
  CHECK_THAT(refused.err, Contains("no key of the ssh-agent at '" + here.path("agent") + "' was accepted") &&
                              Contains("| duplex allow -"));
  const auto unset = here.open({"echo", "--agent"});
  CHECK(unset.status == 255);
  CHECK_THAT(unset.err, Contains("SSH_AUTH_SOCK is not set"));
  const auto nobody = here.open({"echo", "--set", "identity_agent=" + here.path("nothing")});
  CHECK(nobody.status == 255);
  CHECK_THAT(nobody.err, Contains("ssh-agent at '" + here.path("nothing") + "': No such file"));
}

TEST_CASE("duplex: a server that has seen too many keys of an agent is named at once", "[agent]") {
  const agent_site here;
  // Six are taken; the seventh is the identity's, or the agent's. With no eighth its refusal may come before the
  // reason.
  const int count = GENERATE(6, 7, 8);
  for (int i = 0; i < count; ++i) here.add_key("key" + std::to_string(i));
  std::filesystem::remove(here.path("authorized_keys"));
  const auto refused = here.open_with({"--agent", "--set", "connect_timeout=1h"});
  CHECK(refused.status == 255);
  const auto reason = Contains("Too many authentication failures: more than 6 keys");
  CHECK_THAT(refused.err, Contains("ssh-agent at '" + here.path("agent") + "'"));
  if (count == 8)
    CHECK_THAT(refused.err, reason);
  else
    CHECK_THAT(refused.err, reason || Contains("no key of the ssh-agent"));
}

TEST_CASE("duplex: an agent that never answers costs connect_timeout, and Ctrl-C ends the waiting", "[agent]") {
  site here;
  here.serve({"echo=echo"});
  const listener silent{here.path("agent")};
  const auto agent = "identity_agent=" + here.path("agent");
  const auto late = here.open({"echo", "--set", agent, "--set", "connect_timeout=300ms"});
  CHECK(late.status == 255);
  CHECK_THAT(late.err, StartsWith("duplex: timed out: ") && Contains("has not answered"));
  program serve{here.duplex({"serve", "--identity", here.path("client"), "--connect", here.endpoint(), "--host-key",
                             here.fingerprint(), "x=echo", "--set", agent, "--set", "connect_timeout=1h"}),
                here.variables()};
  (void)silent.accept();
  const int asked = silent.accept();  // the second connection is the server's
  CHECK(receive(asked, 5).size() == 5);
  serve.signal(SIGINT);
  CHECK(serve.wait() == 0);
}

TEST_CASE("duplex: an encrypted identity is asked for on the terminal, without echo", "[passphrase]") {
  site here;
  here.serve({"echo=exec:echo served"});
  encrypt(here.path("client"));
  const auto command = here.dial("open", {here.endpoint(), "echo"});
  const auto prompt = "passphrase for " + here.path("client") + ": ";
  const auto right = on_terminal(command, {{prompt, "secret\n"}}, here.variables());
  CAPTURE(right.out);
  CHECK(right.status == 0);
  CHECK_THAT(right.out, Contains("served"));
  CHECK_THAT(right.out, !Contains("secret"));
  const auto second = on_terminal(command, {{prompt, "wrong\n"}, {prompt, "secret\n"}}, here.variables());
  CHECK(second.status == 0);
  const auto never = on_terminal(command, {{prompt, "a\n"}, {prompt, "b\n"}, {prompt, "c\n"}}, here.variables());
  CHECK(never.status == 255);
  CHECK_THAT(never.out, Contains("is encrypted with another passphrase"));
}

TEST_CASE("duplex: serve asks for the passphrase of its key once", "[passphrase]") {
  site here;
  if (GENERATE(false, true)) {  // a key that libssh cannot write
    std::filesystem::remove(here.path("server"));
    REQUIRE(run({"ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", here.path("server")}).status == 0);
  }
  encrypt(here.path("server"));
  const auto said =
      on_terminal(here.duplex({"serve", "--bind", "tcp://127.0.0.1:0", "--identity", here.path("server")}),
                  {{"passphrase for ", "secret\n"}, {"ready", "\x03"}}, here.variables());
  CAPTURE(said.out);
  CHECK(said.status == 0);
  CHECK_THAT(said.out, Contains("listening tcp://127.0.0.1:"));
}

TEST_CASE("duplex: Ctrl-C at the passphrase ends the command and leaves the terminal's echo on", "[passphrase]") {
  const site here;
  encrypt(here.path("client"));
  const words ping = here.duplex({"ping", "--identity", here.path("client"), "tcp://127.0.0.1:1"});
  std::string line = "trap : INT;";
  for (const auto& word : ping) line += " " + word;
  const auto said =
      on_terminal({"sh", "-c", line + "; echo status $?; stty -a"}, {{"passphrase for ", "\x03"}}, here.variables());
  CAPTURE(said.out);
  CHECK_THAT(said.out, Contains("status 130") && Contains(" echo "));
}

TEST_CASE("duplex: an encrypted identity that the agent does not have is named", "[agent]") {
  const agent_site here;
  encrypt(here.path("client"));
  const auto refused = here.open_with({"--agent"});
  CHECK(refused.status == 255);
  CHECK_THAT(refused.err, Contains("no key of the ssh-agent") && Contains("was not offered") && Contains("ssh-add"));
}

TEST_CASE("duplex: without a terminal an encrypted identity is refused, with the way out", "[passphrase]") {
  const agent_site here;
  encrypt(here.path("client"));
  auto command = here.dial("open", {here.endpoint(), "echo"});
  command.insert(command.begin(), {"setsid", "-w"});
  const auto refused = run(command, "hello", here.with_agent());
  CHECK(refused.status == 255);
  CHECK_THAT(refused.err, Contains("ssh-add " + here.path("client")) && Contains("--agent") && Contains("key file: ") &&
                              Contains("is encrypted"));
  // Doing what it says helps; the passphrase comes from a program here.
  const auto askpass = here.path("askpass");
  std::ofstream{askpass} << "#!/bin/sh\necho secret\n";
  std::filesystem::permissions(askpass, std::filesystem::perms::owner_all);
  auto variables = here.with_agent();
  variables.insert(variables.end(), {{"SSH_ASKPASS", askpass}, {"SSH_ASKPASS_REQUIRE", "force"}});
  REQUIRE(run({"ssh-add", "-q", here.path("client")}, {}, variables).status == 0);
  command.emplace_back("--agent");
  const auto got = run(command, "hello", here.with_agent());
  CAPTURE(got.err);
  CHECK(got.out == "hello");
}
