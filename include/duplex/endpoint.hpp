// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace duplex {

/// *Value.* Where a peer listens or is reached:
///
/// - `tcp://host:port`, IPv6 as `tcp://[::1]:2259`; `unix:///path`; `inproc://name`.
/// - `exec:command args`, to connect: /bin/sh -c runs the command, whose stdin and stdout are the connection. It is in
/// a
///   process group of its own, so it cannot ask on the terminal, and has the variable `DUPLEX_PARENT_KEY`: the public
///   line of the peer that runs it. Its host key is taken as it is, unless option host_key names one.
/// - `stdio:`, to bind: the other end of that, one session on this process' stdin and stdout, sockets or pipes. From
///   then on stdout is stderr and stdin is /dev/null, for good.
/// - `fd:N`: an inherited stream socket, which is taken over. Connected: one session, not renewed when it is over; to
///   connect, option host_key must name the host's key. One that listens, to bind: as systemd passes them on.
///
/// Who binds `stdio:` or `fd:N` with `DUPLEX_PARENT_KEY` set admits that key alone, and the variable is removed;
/// otherwise authorized_keys decides, as everywhere. No `from=` matches where there is no address.
///
/// An inproc name is known throughout the process, in all its runtimes. Such a session is not encrypted, and neither
/// authorized_keys nor known_hosts are asked: whoever is in the process could read the keys as well. `host_key`, when
/// it is set, is checked.
class endpoint {
 public:
  enum class kind : std::uint8_t { tcp, unix_socket, inproc, exec, stdio, fd };

  /// Errors: `invalid_argument`, with the right form in the text. Thread: any.
  static result<endpoint> parse(std::string_view text);
  /// `tcp://host:port`; an IPv6 address without brackets.
  static endpoint tcp(std::string host, std::uint16_t port);

  [[nodiscard]] kind type() const noexcept { return kind_; }
  /// tcp: host name or address without brackets; unix: path; inproc: name; exec: the command line; otherwise empty.
  [[nodiscard]] const std::string& target() const noexcept { return target_; }
  /// tcp: the port, 0 to let the system choose one when binding; fd: the descriptor's number.
  [[nodiscard]] std::uint16_t number() const noexcept { return number_; }
  /// The form that `parse` takes.
  [[nodiscard]] std::string str() const;

  friend bool operator==(const endpoint&, const endpoint&) = default;

 private:
  endpoint(kind type, std::string target, std::uint16_t number)
      : kind_(type), number_(number), target_(std::move(target)) {}

  kind kind_;
  std::uint16_t number_;
  std::string target_;
};

}  // namespace duplex
