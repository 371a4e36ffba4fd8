// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace duplex::transport {

/// The reserved service whose channel is opened and answered with hello, and carries ping, pong and goodbye.
inline constexpr std::string_view control_service = "@duplex";
/// The reserved service whose channels carry the calls of Duplex RPC, each by its own name.
inline constexpr std::string_view calls_service = "@rpc";
/// A control frame is never larger; a longer one ends the session.
inline constexpr std::uint64_t max_control_frame = 4096;

/// *Value.* One frame of the control channel: a word, then `key=value` items, encoded as headers are.
struct control_frame {
  std::string word;  ///< "ping", "pong", "goodbye"
  std::vector<std::string> items;

  [[nodiscard]] std::string encode() const;
  /// Errors: `malformed`.
  static result<control_frame> decode(std::string_view text);
};

/// *Value.* What each side says first: the dialler in the open record of `@duplex`, the acceptor in its answer.
struct hello {
  std::string name;                           ///< empty: claims none
  std::string instance;                       ///< 32 hexadecimal digits, random per process
  std::string version;                        ///< "duplex 0.1.0"
  std::uint64_t max_frame = 16U << 20;        ///< of whoever does not say
  std::uint64_t max_open_record = 32U << 10;  ///< likewise

  [[nodiscard]] std::vector<std::string> to_items() const;
  /// Errors: `malformed`.
  static result<hello> from_items(const std::vector<std::string>& items);
};

/// This process's instance id. Thread: any.
const std::string& instance_id();

}  // namespace duplex::transport
