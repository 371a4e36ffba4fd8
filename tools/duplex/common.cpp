// SPDX-License-Identifier: BSD-2-Clause
#include "tools/duplex/common.hpp"

#include "tools/duplex/passphrase.hpp"

#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>

namespace duplex::tools {
namespace {

std::string_view to_string(log_record::level severity) {
  switch (severity) {
    case log_record::level::debug:
      return "debug";
    case log_record::level::info:
      return "info";
    case log_record::level::warning:
      return "warning";
  }
  return "error";
}

// ASCII only, and '?' is not enough for what is no UTF-8: whoever reads lines of JSON gives up at a byte that is none.
std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

std::string now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
  const std::time_t seconds = milliseconds / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char day[32], text[48];
  std::strftime(day, sizeof day, "%FT%T", &utc);
  std::snprintf(text, sizeof text, "%s.%03dZ", day, static_cast<int>(milliseconds % 1000));
  return text;
}

void print(bool json, std::string_view level, std::string_view topic, std::string_view text) {
  std::string line;
  if (json) {
    line.append("{\"time\":").append(json_string(now())).append(",\"level\":").append(json_string(level));
    line.append(",\"topic\":").append(json_string(topic)).append(",\"text\":").append(json_string(text)).append("}\n");
  } else {
    line = "duplex: ";
    if (!topic.empty()) line.append(topic).append(": ");
    line.append(printable(text)).append("\n");
  }
  write_all(STDERR_FILENO, line);
}

}  // namespace

void add_peer_arguments(CLI::App& command, peer_arguments& into) {
  command.add_option("--identity", into.settings.identity, "private key file; id_ed25519 of the configuration folder")
      ->type_name("FILE");
  auto* hosts = command.add_option("--known-hosts", into.settings.known_hosts, "file of host keys to accept");
  hosts->type_name("FILE");
  auto* pinned = command.add_option("--host-key", into.settings.host_key, "the one host key to accept, as SHA256:...");
  pinned->type_name("FINGERPRINT")->excludes(hosts);
  command.add_flag("--accept-new", into.accept_new, "adds an unknown host to the known ones, unasked")
      ->excludes(pinned);
  command.add_flag("--agent", into.agent, "offers the keys of the ssh-agent first, the one that SSH_AUTH_SOCK names");
  command.add_option("--name", into.settings.name, "the name to claim; none")->type_name("NAME");
  command.add_option("--set", into.assignments, "sets an option of the library, as alive_interval=5s")
      ->type_name("OPTION=VALUE")
      ->allow_extra_args(false);
  command.add_flag("-v,--verbose", into.verbose, "says on stderr what is done and why");
  command.add_flag("--json", into.json, "log lines as JSON objects");
}

result<options> peer_options(const peer_arguments& given, bool warnings) {
  auto settings = given.settings;
  if (given.accept_new) settings.host_key_policy = "accept_new";
  if (given.agent) settings.identity_agent = "SSH_AUTH_SOCK";
  for (const std::string_view assignment : given.assignments) {
    const auto at = assignment.find('=');
    if (at == std::string_view::npos)
      return {errc::invalid_argument, "--set '" + std::string{assignment} + "' is no OPTION=VALUE"};
    if (auto set = set_option(settings, assignment.substr(0, at), assignment.substr(at + 1)); !set) return set.error();
  }
  if (auto valid = validate(settings); !valid) return valid.error();
  if (settings.identity_agent.empty()) settings.passphrase = ask_passphrase;  // else the agent has it
  settings.log = [all = given.verbose, warnings, json = given.json](const log_record& line) {
    if (all || (warnings && line.severity == log_record::level::warning))
      print(json, to_string(line.severity), line.topic, line.text);
  };
  return settings;
}

int fail(const peer_arguments& given, std::string_view why, int status) {
  print(given.json, "error", given.json ? "duplex" : "", why);
  return status;
}

int fail(const peer_arguments& given, const error& why, int status) { return fail(given, why.message(), status); }

bool ends_by_hangup() {
  struct sigaction now {};
  return ::sigaction(SIGHUP, nullptr, &now) == 0 && now.sa_handler != SIG_IGN;
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto n = ::write(fd, text.data(), text.size());
    if (n >= 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {  // a descriptor that somebody else made non-blocking
      pollfd writable{fd, POLLOUT, 0};
      ::poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      if (fd == STDOUT_FILENO && errno != EPIPE)  // who reads no more knows
        print(false, "error", "", std::string{"stdout: "} + std::strerror(errno));
      return false;
    }
  }
  return true;
}

}  // namespace duplex::tools
