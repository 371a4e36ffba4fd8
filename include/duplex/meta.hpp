// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rights.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace duplex {

/// *Value.* Who runs the process at the other end of a unix socket, as the kernel says (SO_PEERCRED).
struct credentials {
  std::uint32_t uid = 0, gid = 0;
  std::int32_t pid = 0;
  friend bool operator==(const credentials&, const credentials&) = default;
};

/// *Value.* What is known of a channel beside its bytes.
class meta {
 public:
  /// The service's name, and the opener's headers in their order, often `key=value`.
  std::string service;
  std::vector<std::string> headers;
  /// What the remote side said last; empty before it did. `trailed` tells "none yet" from "an empty list".
  std::vector<std::string> trailers;
  bool trailed = false;
  /// Names of the two peers; empty for one that claims none.
  std::string local_peer, remote_peer;
  /// For a channel that was sent (`channel::send`): who is beyond the remote peer, as it says, from the far end to the
  /// nearest relay, each `name SHA256:...`, or the fingerprint alone. Empty for any other.
  std::vector<std::string> relayed;
  /// SHA256 fingerprint of the key that signed for the remote peer.
  std::string remote_key;
  /// The comment on the line of authorized_keys that admits that key; empty for a host.
  std::string key_comment;
  /// The user name that an SSH client gave. It proves nothing: the key counts.
  std::string user;
  /// Where the remote peer is: `tcp://127.0.0.1:51234`.
  std::string remote_address;
  /// Of its process, on unix sockets.
  std::optional<credentials> process;
  /// True when the remote side is SSH software that knows nothing of Duplex. `originator` is the address it gave for a
  /// forwarded connection; empty for a session channel (`ssh -s`), whose variables are the headers.
  bool stock = false;
  std::string originator;
  /// What the remote side may do here, now: whoever multiplexes many services over one channel asks it for each.
  duplex::rights rights;

  /// The value of the first header `key=value`. Thread: any.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view key) const;
  /// The value of the first trailer `key=value`.
  [[nodiscard]] std::optional<std::string_view> trailer(std::string_view key) const;
  /// The number in the trailer `status`; 0 when there is none, 1 when it is no number of 32 bits: what cannot be read
  /// must not look like success.
  [[nodiscard]] std::uint32_t status() const;
};

}  // namespace duplex
