// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace duplex {

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
  /// SHA256 fingerprint of the key that signed for the remote peer.
  std::string remote_key;
  /// Where the remote peer is: `tcp://127.0.0.1:51234`.
  std::string remote_address;
  /// True when the remote side is SSH software that knows nothing of Duplex; `originator` is the address it gave.
  bool stock = false;
  std::string originator;

  /// The value of the first header `key=value`. Thread: any.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view key) const;
  /// The value of the first trailer `key=value`.
  [[nodiscard]] std::optional<std::string_view> trailer(std::string_view key) const;
  /// The number in the trailer `status`; 0 when there is none, 1 when it is no number of 32 bits: what cannot be read
  /// must not look like success.
  [[nodiscard]] std::uint32_t status() const;
};

}  // namespace duplex
