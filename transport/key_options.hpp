// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "transport/access_patterns.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace duplex::transport {

/// *Value.* When a key ceases to count.
struct expiry {
  std::chrono::system_clock::time_point at;
  std::string text;  ///< as it was written

  /// "YYYYMMDD[HHMM[SS]][Z]", from 1970 on, local time without the Z. Errors: `invalid_argument`.
  static result<expiry> parse(std::string_view text);
};

/// *Value.* The options in front of a key, as sshd(8) writes them.
struct key_options {
  bool restricted = false;
  std::vector<service_pattern> opens, listens;
  std::vector<std::string> names;  ///< of DUPLEX_PEER
  std::optional<address_patterns> from;
  std::optional<expiry> expires;  ///< the earliest

  /// Errors: `invalid_argument` with the option that is unknown or wrong.
  static result<key_options> parse(std::string_view text);
};

}  // namespace duplex::transport
