// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/version.hpp>

#include "tools/duplex/commands.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/version.hpp>
#include <caf/config.hpp>
#include <csignal>
#include <cstdio>
#include <sstream>

namespace {

using namespace duplex::tools;

std::string versions() {
  const auto dotted = [](int number) {
    return std::to_string(number / 10000) + '.' + std::to_string(number / 100 % 100) + '.' +
           std::to_string(number % 100);
  };
  std::string boost = BOOST_LIB_VERSION;  // "1_81"
  std::replace(boost.begin(), boost.end(), '_', '.');
  return std::string{"duplex "} + duplex::version + " (CAF " + dotted(CAF_VERSION) + ", Boost " + boost + ')';
}

CLI::App* add_allow(CLI::App& app, allow_arguments& into) {
  auto* command = app.add_subcommand("allow", "adds keys to the list of those who may connect");
  command->add_option("key", into.key, "file of public keys, one a line; - for stdin")
      ->required()
      ->type_name("KEY.pub");
  command->add_option("--authorized-keys", into.file, "the list; authorized_keys of the configuration folder")
      ->type_name("FILE");
  const auto add = [&](const char* name, std::vector<std::string>& values, const char* what, const char* type) {
    command->add_option(name, values, what)->type_name(type)->allow_extra_args(false);
  };
  add("--open", into.open, "it may open that service only; may be repeated, NAME may end in *", "NAME[:PORT]");
  add("--listen", into.listen, "it may offer that name; may be repeated", "NAME[:PORT]");
  add("--name", into.names, "it may claim that name only; may be repeated", "PEER");
  add("--from", into.from, "it may come from there only: addresses, ADDRESS/BITS, * and ?, ! for not", "PATTERNS");
  add("--expiry-time", into.expiry_time, "it may connect until then: YYYYMMDD[HHMM[SS]][Z]", "TIME");
  command->add_flag("--restrict", into.restricted, "it may open only what --open names");
  return command;
}

constexpr const char* where = "where the peer is: tcp://HOST:PORT, unix:///PATH, or exec:COMMAND to start it";

void add_remote(CLI::App& command, std::string& endpoint, std::string& to, peer_arguments& peer) {
  command.add_option("endpoint", endpoint, where)->required()->type_name("ENDPOINT");
  command.add_option("--to", to, "the peer's name, when it claims one")->type_name("PEER");
  add_peer_arguments(command, peer);
}

CLI::App* add_call(CLI::App& app, call_arguments& into) {
  auto* command = app.add_subcommand(
      "call", "calls a method: prints each object of the result as a line of JSON; the exit status is the call's");
  add_remote(*command, into.endpoint, into.to, into.peer);
  command->add_option("method", into.method, "SERVICE.METHOD, as duplex ls shows them")
      ->required()
      ->type_name("METHOD");
  command
      ->add_option("arguments", into.arguments,
                   "a JSON value each; what is none, as a plain word, is a string. A function is left out: its calls "
                   "are printed. A stream comes from stdin, a value a line")
      ->type_name("JSON");
  command->add_option("-H,--header", into.headers, "goes along with the call; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_option("--deadline", into.deadline, "after which it is given up: 30s; none for never")
      ->type_name("TIME");
  command->add_flag("--stdin", into.input,
                    "sends stdin's lines, when the key may not ask whether the method takes them");
  return command;
}

CLI::App* add_ls(CLI::App& app, ls_arguments& into) {
  auto* command = app.add_subcommand("ls", "lists the services that can be called, or a service's methods and types");
  add_remote(*command, into.endpoint, into.to, into.peer);
  command->add_option("service", into.service, "shows this one's methods")->type_name("SERVICE");
  return command;
}

CLI::App* add_health(CLI::App& app, health_arguments& into) {
  auto* command = app.add_subcommand("health", "tells how a service does; the exit status is 0 when it serves, else 1");
  add_remote(*command, into.endpoint, into.to, into.peer);
  command->add_option("service", into.service, "the whole peer, without one")->type_name("SERVICE");
  command->add_flag("--watch", into.watch, "goes on, with a line for each change");
  return command;
}

// What CLI11 takes. It would cut a positional [1,2] in two; JSON may begin with a space, and is left alone then.
std::vector<std::string> reversed(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words.front() == "call")
    for (auto& word : words)
      if (word.starts_with('[')) word.insert(0, 1, ' ');
  std::reverse(words.begin(), words.end());
  return words;
}

// Else the first sockets would become stdin, stdout and stderr.
void open_standard_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (::fcntl(fd, F_GETFD) < 0) (void)!::open("/dev/null", O_RDWR);
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_streams();
  std::signal(SIGPIPE, SIG_IGN);

  CLI::App app{"Secure channels between programs, over SSH.", "duplex"};
  app.require_subcommand(1);
  app.footer("Start with: duplex serve --bind tcp://127.0.0.1:2259 echo=echo");
  int status = 0;

  keygen_arguments make;
  auto* keygen_command = app.add_subcommand("keygen", "makes a key: FILE and FILE.pub");
  keygen_command->add_option("-f,--file", make.file, "where; id_ed25519 of the configuration folder")
      ->type_name("FILE");
  keygen_command->add_option("-C,--comment", make.comment, "ends the line of FILE.pub")->type_name("TEXT");
  keygen_command->callback([&] { status = keygen(make); });

  allow_arguments admit;
  add_allow(app, admit)->callback([&] { status = allow(admit); });

  serve_arguments offer;
  auto* serve_command = app.add_subcommand("serve", "offers services");
  serve_command
      ->add_option(
          "--bind", offer.bind,
          "listens at tcp://HOST:PORT or unix:///PATH; or serves the session on stdio: or fd:N; may be repeated")
      ->type_name("ENDPOINT")
      ->allow_extra_args(false);
  serve_command->add_option("--connect", offer.connect, "keeps a connection to there; may be repeated")
      ->type_name("ENDPOINT")
      ->allow_extra_args(false);
  serve_command
      ->add_option("--authorized-keys", offer.peer.settings.authorized_keys, "file of the keys that may connect")
      ->type_name("FILE");
  serve_command
      ->add_option("services", offer.services,
                   "KIND is one of echo, frames, sink, source:BYTES, exec:COMMAND, join:tcp://HOST:PORT, "
                   "join:unix:///PATH, peer:NAME/SERVICE")
      ->type_name("NAME=KIND");
  serve_command->add_flag("--demo", offer.demo,
                          "serves demo.Calc, to be called: duplex call ENDPOINT demo.Calc.add 1 2");
  add_peer_arguments(*serve_command, offer.peer);
  serve_command->callback([&] { status = serve(offer); });

  open_arguments begin;
  auto* open_command = app.add_subcommand("open", "opens a channel between a service and stdin, stdout and stderr");
  open_command->add_option("endpoint", begin.endpoint, where)->required()->type_name("ENDPOINT");
  open_command->add_option("service", begin.service, "what to open there")->required()->type_name("SERVICE");
  open_command->add_option("-H,--header", begin.headers, "a header of the channel, often key=value; may be repeated")
      ->type_name("HEADER")
      ->allow_extra_args(false);
  open_command->add_option("--to", begin.to, "the peer's name, when it claims one")->type_name("PEER");
  open_command->add_flag("--frames", begin.frames, "a line is a frame, each way");
  open_command->add_flag("--trailers", begin.trailers, "prints the service's last word on stderr");
  add_peer_arguments(*open_command, begin.peer);
  open_command->callback([&] { status = open(begin); });

  forward_arguments pass;
  auto* forward_command = app.add_subcommand("forward", "joins each connection to a local address with a channel");
  forward_command->add_option("listen", pass.listen, "where to listen: tcp://HOST:PORT, unix:///PATH")
      ->required()
      ->type_name("LISTEN_ENDPOINT");
  forward_command->add_option("endpoint", pass.endpoint, where)->required()->type_name("ENDPOINT");
  forward_command->add_option("service", pass.service, "what to open there")->required()->type_name("SERVICE");
  forward_command->add_option("-H,--header", pass.headers, "a header of each channel; may be repeated")
      ->type_name("HEADER")
      ->allow_extra_args(false);
  forward_command->add_option("--to", pass.to, "the peer's name, when it claims one")->type_name("PEER");
  add_peer_arguments(*forward_command, pass.peer);
  forward_command->callback([&] { status = forward(pass); });

  call_arguments ask;
  add_call(app, ask)->callback([&] { status = call(ask); });
  ls_arguments look;
  add_ls(app, look)->callback([&] { status = ls(look); });
  health_arguments check;
  add_health(app, check)->callback([&] { status = health(check); });

  ping_arguments probe;
  auto* ping_command = app.add_subcommand("ping", "shows who listens there, and how far away");
  ping_command->add_option("endpoint", probe.endpoint, where)->required()->type_name("ENDPOINT");
  ping_command->add_option("-c,--count", probe.count, "how many round trips; 3")->type_name("COUNT");
  add_peer_arguments(*ping_command, probe.peer);
  ping_command->callback([&] { status = ping(probe); });

  trust_arguments believe;
  auto* trust_command = app.add_subcommand("trust", "adds the key that a host shows to known_hosts");
  trust_command->add_option("endpoint", believe.endpoint, "where the host listens")->required()->type_name("ENDPOINT");
  trust_command->add_option("--host-key", believe.host_key, "does not ask, if it is this key: SHA256:...")
      ->type_name("FINGERPRINT");
  trust_command->add_option("--known-hosts", believe.known_hosts, "where; known_hosts of the configuration folder")
      ->type_name("FILE");
  trust_command->callback([&] { status = trust(believe); });

  app.add_subcommand("version", "prints the versions")->callback([&] {
    status = write_all(STDOUT_FILENO, versions() + '\n') ? 0 : transport_failure;
  });
  app.set_version_flag("--version", versions());

  try {
    app.parse(reversed(argc, argv));
  } catch (const CLI::ParseError& wrong) {
    if (wrong.get_exit_code() == 0) {  // --help, --version
      std::ostringstream asked;
      app.exit(wrong, asked);
      return write_all(STDOUT_FILENO, asked.str()) ? 0 : transport_failure;
    }
    const auto used = app.get_subcommands();
    const auto help = std::string{"duplex "} + (used.empty() ? "" : used.front()->get_name() + " ") + "--help";
    const bool unknown = used.empty() && argc > 1 && *argv[1] != '-';
    const auto what = unknown ? std::string{"no subcommand '"} + argv[1] + '\'' : std::string{wrong.what()};
    std::fprintf(stderr, "duplex: %s; see: %s\n", what.c_str(), help.c_str());
    return usage;
  }
  return status;
}
