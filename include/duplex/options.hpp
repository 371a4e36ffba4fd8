// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/log.hpp>
#include <duplex/result.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace duplex {

/// Gives the passphrase of a key file, or nothing when there is none to be had. Called on the thread that makes the
/// peer; may block.
using passphrase_source = std::function<std::optional<std::string>(const std::string& file)>;

/// *Value.* Everything that can be set on a peer. Names follow sshd_config where it has one. `set_option` and
/// `get_option` know each field by its name as text: sizes in bytes with an optional K, M or G, times with ms, s, m or
/// h.
struct options {
  /// The name that this peer claims towards others; 1 to 255 bytes as a service name, or empty to claim none.
  std::string name = {};
  /// The private key: a file, or the key itself in OpenSSH's text form. Empty: `id_ed25519` in the configuration
  /// folder (`$DUPLEX_HOME`, else `$XDG_CONFIG_HOME/duplex`, else `~/.config/duplex`), made on first use.
  std::string identity = {};
  /// Where the ssh-agent listens whose keys are offered first when dialling: a path, or `SSH_AUTH_SOCK` for the one
  /// that this variable names. Then `identity` may be a file whose private half only the agent has: encrypted, or
  /// `*.pub`. Empty: no agent.
  std::string identity_agent = {};
  /// Who may connect: a file in OpenSSH's form, or such lines themselves. Empty: the file of that name in the
  /// configuration folder. Nobody when there is none.
  std::string authorized_keys = {};
  /// The remote host's key, checked when dialling: a file of lines `endpoint keytype base64`, or such lines themselves.
  /// Empty: the file of that name in the configuration folder.
  std::string known_hosts = {};
  /// The fingerprint (`SHA256:...`) that the host key must have; `known_hosts` is not asked then. It is not asked for
  /// `exec:`, where without this any key will do, nor for `fd:N`, where without this none will.
  std::string host_key = {};
  /// What becomes of a host that is not in `known_hosts`: `strict` refuses it, `accept_new` adds it to the file.
  /// Another key than the listed one is refused by both.
  std::string host_key_policy = "strict";

  /// The largest frame taken or sent, in bytes of payload.
  std::uint64_t max_frame = 16U << 20;
  /// The largest open record (id, parent and headers, encoded), in bytes.
  std::uint64_t max_open_record = 32U << 10;
  /// Channels open at once on one session. libssh keeps them in a list: each packet costs more with each channel.
  std::uint64_t max_channels = 1000;
  /// Channels that wait for `accept`, per name; above it an open is refused at once.
  std::uint64_t accept_queue = 128;
  /// Connections that have not authenticated yet; above it a new one is closed at once.
  std::uint64_t max_startups = 64;
  /// Keys that a client may offer.
  std::uint64_t max_auth_tries = 6;
  /// Bytes received for a channel and not yet consumed, above which the remote side's window is left to close.
  std::uint64_t receive_window = 1U << 20;
  /// Bytes waiting to be sent on a channel, above which a writer waits; and below which it goes on.
  std::uint64_t send_high_water = 512U << 10;
  std::uint64_t send_low_water = 256U << 10;
  /// Bytes after which the session's keys are renewed (RFC 4253 section 9), and the time after which they are.
  std::uint64_t rekey_limit = 1U << 30;
  std::chrono::milliseconds rekey_time = std::chrono::hours{1};

  /// What a unix socket's permissions lack, in octal, as a umask: 0177 leaves it to its owner. Read by `bind`.
  std::string stream_local_bind_mask = "0177";
  /// The users whose processes may connect at a unix socket, beside what their keys may: names or numbers, with blanks
  /// or commas between them; asked of the system for each connection. Empty: all. Ignored where there is no such
  /// socket to accept at: tcp, stdio, a connected fd.
  std::string allow_users = {};

  /// How many sessions `connect` keeps to an endpoint; opens are spread over them. More than one where a single core
  /// does not encrypt fast enough, or for more than `max_channels`. A command or a descriptor has one.
  std::uint64_t sessions = 1;

  /// How long a client may take to authenticate.
  std::chrono::milliseconds login_grace_time = std::chrono::seconds{10};
  /// How long dialling may take, up to the exchange of names.
  std::chrono::milliseconds connect_timeout = std::chrono::seconds{10};
  /// How long the remote peer may take to accept or refuse a channel; and how long an open waits for a remote peer that
  /// is being dialled.
  std::chrono::milliseconds open_timeout = std::chrono::seconds{10};
  /// A session that has received nothing for `alive_interval` is asked; after `alive_count_max` silent intervals it
  /// is ended.
  std::chrono::milliseconds alive_interval = std::chrono::seconds{15};
  std::uint64_t alive_count_max = 3;
  /// The wait before dialling again, doubling from the first to the second, each with up to half of it as jitter.
  std::chrono::milliseconds reconnect_delay = std::chrono::milliseconds{100};
  std::chrono::milliseconds reconnect_delay_max = std::chrono::seconds{30};
  /// How long shutdown lets channels flush, and how long the command of an `exec:` endpoint may take to end.
  std::chrono::milliseconds linger = std::chrono::seconds{5};

  /// Receives the log; nothing is logged without it. Not settable by text.
  log_sink log = {};
  /// Asked for the passphrase of an encrypted `identity`, at most three times. Not settable by text.
  passphrase_source passphrase = {};
};

/// Sets a field by its name. Errors: `not_found` with the names there are, `invalid_argument` with the range.
/// Thread: one at a time for the same `of`.
result<void> set_option(options& of, std::string_view name, std::string_view value);
/// A field by its name, in the form `set_option` takes. Errors: `not_found`. Thread: any.
result<std::string> get_option(const options& of, std::string_view name);
/// The names `set_option` knows, in the order of the struct. Thread: any.
std::vector<std::string_view> option_names();
/// Checks the values against each other and their ranges, as every use of `options` does. Errors:
/// `invalid_argument`, with the range. Thread: any.
result<void> validate(const options& of);

/// True for 1 to 255 bytes of letters, digits and `. _ / @ -`, the form of service and peer names. Thread: any.
bool is_valid_name(std::string_view name) noexcept;

}  // namespace duplex
