// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/options.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace duplex::tools {

// Exit statuses. `open` uses the third for whatever is not the service's own status, as ssh does.
inline constexpr int failure = 1, usage = 2, transport_failure = 255;

/// What every command with a peer takes.
struct peer_arguments {
  options settings;
  std::vector<std::string> assignments;  ///< --set option=value
  bool accept_new = false, agent = false, verbose = false, json = false;
};

/// Adds --identity, --agent, --known-hosts, --host-key, --accept-new, --name, --set, -v and --json.
void add_peer_arguments(CLI::App& command, peer_arguments& into);

/// The options as given, checked, with a log on stderr: everything with -v, else only warnings, if those. Errors:
/// `invalid_argument`, `not_found`.
result<options> peer_options(const peer_arguments& given, bool warnings);

/// "duplex: sentence" on stderr, or a JSON object with --json. Returns `status`.
int fail(const peer_arguments& given, std::string_view why, int status);
int fail(const peer_arguments& given, const error& why, int status);

/// Whether SIGHUP is to end a program that cleans up: not where it is ignored, as under nohup(1).
bool ends_by_hangup();

/// One write for the whole text, repeated for what a pipe does not take at once. False when nobody reads any more, or
/// when stdout takes no more, which is said on stderr then.
bool write_all(int fd, std::string_view text);

}  // namespace duplex::tools
