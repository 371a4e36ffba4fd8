// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "transport/key_options.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace duplex::transport {

/// sshd has no limit worth the name; a key of 16384 bits takes 3 KiB of this.
inline constexpr std::size_t max_authorized_line = 16U << 10;

/// *Value.* "[options] keytype base64 [comment]", taken apart. As in sshd the key is known before the options are
/// judged: a line whose options are wrong still tells whose it is.
struct authorized_line {
  std::string options;  ///< as written
  std::string key;      ///< the decoded blob (RFC 4253 section 6.6)
  std::string comment;

  /// Errors: `invalid_argument` when it holds no key that this version takes.
  static result<authorized_line> parse(std::string_view line);
};

/// True for an empty line and a comment.
bool is_blank(std::string_view line);

/// Without white space around, the CR of a foreign editor included.
std::string_view trimmed(std::string_view line);

/// RFC 4648 section 4, padded, without a bit to spare: one text for each blob.
std::optional<std::string> from_base64(std::string_view base64);

/// The blob of a key in base64, when it is one of that type: all fields there, and nothing behind them.
std::optional<std::string> key_blob(std::string_view type, std::string_view base64);

}  // namespace duplex::transport
