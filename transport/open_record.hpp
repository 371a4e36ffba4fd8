// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace duplex::transport {

/// Which side opened a channel: the dialler (SSH client) or the acceptor (SSH server).
enum class side : std::uint8_t { dialler, acceptor };

/// *Value.* A channel within its session: who opened it, and its number among those.
struct channel_id {
  side opener = side::dialler;
  std::uint64_t number = 0;
  friend auto operator<=>(const channel_id&, const channel_id&) = default;
};

/// *Value.* What travels in the originator field of an open request (docs/protocol.md, "Open record"):
/// `duplex/1;id=N;[parent=cN;|parent=sN;];header;header;...`
struct open_record {
  std::uint64_t id = 0;
  std::optional<channel_id> parent;
  std::vector<std::string> headers;

  [[nodiscard]] std::string encode() const;
  /// True for an originator that means to be a record; any other is a stock client's address.
  static bool is_record(std::string_view originator);
  /// Errors: `malformed`, and `resource_exhausted` above `limit` bytes.
  static result<open_record> decode(std::string_view text, std::uint64_t limit);
};

}  // namespace duplex::transport
