// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace duplex {

/// *Value.* One line of the log.
struct log_record {
  enum class level : std::uint8_t { debug, info, warning };

  level severity;
  std::string_view topic;  ///< "listener", "session", "dialler", "peer"
  std::string text;        ///< one sentence, without a newline
};

/// Receives the log; called from every worker, so it must be thread-safe, and must not block.
using log_sink = std::function<void(const log_record&)>;

/// The text with '?' for each control character (C0, DEL, C1) and each byte that is no UTF-8 (RFC 3629): what a remote
/// side says must not steer a terminal, nor look like a line of its own in a log. Thread: any.
std::string printable(std::string_view text);

}  // namespace duplex
