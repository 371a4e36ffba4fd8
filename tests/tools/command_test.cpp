// SPDX-License-Identifier: BSD-2-Clause
#include "tests/tools/site.hpp"

#include <catch2/catch.hpp>

using namespace tools_tests;
using Catch::Contains;
using Catch::StartsWith;

TEST_CASE("duplex: version names what it was built with", "[duplex]") {
  const site here;
  const auto said = here.run_duplex({"version"});
  CHECK(said.status == 0);
  CHECK_THAT(said.out, StartsWith("duplex 0.1.0 (") && Contains("CAF 0.17") && Contains("Boost 1."));
  CHECK(here.run_duplex({"--version"}).out == said.out);
}

TEST_CASE("duplex: a subcommand that there is not is named", "[duplex]") {
  const auto got = site{}.run_duplex({"sevre", "echo=echo"});
  CHECK(got.status == 2);
  CHECK(got.err == "duplex: no subcommand 'sevre'; see: duplex --help\n");
}

TEST_CASE("duplex: keygen makes a key that ssh-keygen reads, closed to others", "[duplex]") {
  const site here;
  const auto file = here.path("fresh");
  const auto made = here.run_duplex({"keygen", "-f", file, "-C", "a comment"});
  REQUIRE(made.status == 0);
  CHECK(mode(file) == 0600);
  const auto fingerprint = made.out.substr(file.size() + 1, made.out.size() - file.size() - 2);
  CHECK(made.out == file + '\n' + fingerprint + '\n');
  for (const auto& half : {file, file + ".pub"}) {
    const auto read = run({"ssh-keygen", "-lf", half});
    CHECK(read.status == 0);
    CHECK_THAT(read.out, Contains(fingerprint) && Contains("(ED25519)"));
  }
  CHECK_THAT(content(file + ".pub"), Contains("a comment"));
}

TEST_CASE("duplex: keygen never overwrites a key", "[duplex]") {
  const site here;
  const auto before = content(here.path("server"));
  const auto again = here.run_duplex({"keygen", "-f", here.path("server")});
  CHECK(again.status == 1);
  CHECK_THAT(again.err, StartsWith("duplex: ") && Contains("exists"));
  CHECK(content(here.path("server")) == before);
}

TEST_CASE("duplex: keygen's default is the configuration folder, which it makes", "[duplex]") {
  const site here;
  const auto file = here.path("home/id_ed25519");
  CHECK_THAT(here.run_duplex({"keygen"}).out, StartsWith(file + '\n'));
  CHECK(mode(file) == 0600);
  CHECK(mode(here.path("home")) == 0700);
}

TEST_CASE("duplex: a wrong command line is one sentence and status 2", "[duplex]") {
  const site here;
  const auto wrong = GENERATE(
      words{}, words{"nonsense"}, words{"open"}, words{"open", "tcp://127.0.0.1:1"},
      words{"open", "a", "b", "--nonsense"}, words{"serve", "echo=echo"},
      words{"serve", "--bind", "tcp://127.0.0.1:0", "echo"},
      words{"serve", "--bind", "tcp://127.0.0.1:0", "x=nonsense"},
      words{"serve", "--bind", "tcp://127.0.0.1:0", "x=source:"},
      words{"serve", "--bind", "tcp://127.0.0.1:0", "x=source:12Q"},
      words{"serve", "--bind", "tcp://127.0.0.1:0", "x=exec:"},
      words{"serve", "--bind", "tcp://127.0.0.1:0", "x=join:tcp://here"},
      words{"serve", "--bind", "tcp://127.0.0.1:0", "@x=echo"},
      words{"serve", "--bind", "tcp://127.0.0.1:0", "a b=echo"},
      words{"serve", "--bind", "tcp://127.0.0.1:0", "x=echo", "x=sink"},
      words{"ping", "tcp://127.0.0.1:1", "--set", "nonsense=1"}, words{"ping", "tcp://127.0.0.1:1", "--set", "linger"},
      words{"ping", "tcp://127.0.0.1:1", "--set", "linger=soon"}, words{"ping", "tcp://127.0.0.1:1", "--name", "a b"},
      words{"ping", "tcp://127.0.0.1:1", "--host-key", "SHA256:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "--known-hosts", "y"},
      words{"ping", "tcp://127.0.0.1:1", "--host-key", "SHA256:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "--accept-new"},
      words{"trust"}, words{"ping", "tcp://127.0.0.1:1", "--set", "host_key_policy=ask"});
  const auto said = here.run_duplex(wrong);
  CAPTURE(wrong, said.out);
  CHECK(said.status == 2);
  CHECK_THAT(said.err, StartsWith("duplex: "));
  CHECK(std::count(said.err.begin(), said.err.end(), '\n') == 1);
}

TEST_CASE("duplex: an endpoint with a typo is answered with the right forms", "[duplex]") {
  const site here;
  const std::string typo = GENERATE("tcp://127.0.0.1", "tcp:127.0.0.1:22", "tcp://:22", "tcp://host:99999",
                                    "127.0.0.1:22", "unix://tmp", "http://x");
  const auto command = GENERATE(as<std::string>{}, "open", "ping", "serve");
  auto arguments = command == "serve" ? words{"serve", "--bind", typo, "echo=echo"} : words{command, typo};
  if (command == "open") arguments.emplace_back("echo");
  const auto said = here.run_duplex(arguments);
  CHECK(said.status == 2);
  CHECK_THAT(said.err, Contains("'" + typo + "'") && Contains("tcp://host:port") && Contains("unix:///path"));
}

TEST_CASE("duplex: ping shows who is there and how far", "[duplex]") {
  site here;
  here.serve({"echo=echo"}, {"--name", "hub"});
  const auto found = run(here.dial("ping", {here.endpoint(), "-c", "2"}), {}, here.variables());
  CAPTURE(found.err);
  CHECK(found.status == 0);
  CHECK_THAT(found.out,
             StartsWith("hub " + here.fingerprint() + " duplex 0.1.0 at " + here.endpoint() + "\nround trip "));
  CHECK(std::count(found.out.begin(), found.out.end(), '\n') == 3);
}

TEST_CASE("duplex: options stand before or after the arguments", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  const words options{"--identity", here.path("client"), "--host-key", here.fingerprint(), "-v"};
  const bool before = GENERATE(true, false);
  words all{"open"};
  if (before) all.insert(all.end(), options.begin(), options.end());
  all.insert(all.end(), {here.endpoint(), "echo"});
  if (!before) all.insert(all.end(), options.begin(), options.end());
  const auto said = here.run_duplex(all, "hello");
  CHECK(said.status == 0);
  CHECK(said.out == "hello");
  CHECK_THAT(said.err, Contains("duplex: "));
}

TEST_CASE("duplex: -v names the key that was offered and the line that allowed it", "[duplex]") {
  site here;
  here.serve({"echo=echo"}, {"-v"});
  const auto offered = run({"ssh-keygen", "-lf", here.path("client")}).out.substr(4, 50);  // "256 SHA256:..."
  auto said = run(here.dial("open", {"-v", here.endpoint(), "echo"}), "x", here.variables());
  CHECK(said.status == 0);
  CHECK_THAT(said.err, Contains(offered));
  here.server().wait_for_error(here.path("authorized_keys") + ":1");
  CHECK_THAT(here.server().err(), Contains(offered));
}

TEST_CASE("duplex: --json makes each log line an object", "[duplex]") {
  site here;
  here.serve({"echo=echo"});
  const auto said = run(here.dial("open", {here.endpoint(), "nothing\"such", "-v", "--json"}), {}, here.variables());
  CHECK(said.status == 255);
  CHECK(!said.err.empty());
  std::size_t at = 0;
  for (std::size_t end; (end = said.err.find('\n', at)) != std::string::npos; at = end + 1) {
    const auto line = said.err.substr(at, end - at);
    CHECK_THAT(line, StartsWith("{\"time\":\"20") && Catch::EndsWith("\"}") && Contains(",\"topic\":\"") &&
                         Contains(",\"text\":\""));
  }
  CHECK(at == said.err.size());
  CHECK_THAT(said.err, Contains("\"level\":\"error\""));
}

TEST_CASE("duplex: a full disk in stdout's place is no success", "[duplex]") {
  site here;
  here.serve({"x=echo"}, {"--demo"});
  const auto to_full = [&](words line) {
    line.insert(line.begin(), {"sh", "-c", "exec \"$@\" > /dev/full", "sh"});
    return run(line, {}, here.variables());
  };
  const std::vector<words> commands{
      here.dial("ping", {here.endpoint()}),
      here.dial("health", {here.endpoint()}),
      here.duplex({"--help"}),
      here.duplex({"ping", "--help"}),
      here.duplex({"keygen", "-f", here.path("new")}),
      here.duplex({"allow", "--authorized-keys", here.path("list"), here.path("client.pub")}),
      here.duplex({"trust", "--known-hosts", here.path("hosts"), "--host-key", here.fingerprint(), here.endpoint()})};
  for (const auto& command : commands) {
    const auto got = to_full(command);
    CAPTURE(command, got.err);
    CHECK(got.status != 0);
    CHECK_THAT(got.err, Contains("stdout: No space left on device"));
  }
}

TEST_CASE("duplex: a log line of JSON is JSON whatever is in it", "[duplex]") {
  const site here;
  const auto got = here.run_duplex({"ping", "--json", "nonsense:\xff\x9b\"\n\xC3\xA9"});
  CHECK(got.status == 2);
  CHECK_THAT(got.err, Contains("\\ufffd\\ufffd\\\"%0A\\u00e9") && Catch::EndsWith("}\n"));
}
