// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc.hpp>
#include <duplex/rpc/services.hpp>

#include "tools/duplex/common.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace duplex::tools {

/// The one codec of this program's own calls: what it sends and prints is JSON.
inline constexpr rpc::use_options by_json{.codec = "json"};

/// *Value.* A peer of ours and the remote one that it is connected to.
struct session {
  rpc::peer self;
  std::string remote;  ///< the name that leads there
  std::uint64_t max_frame;
};

/// Connects to `endpoint`, does `then` and returns what that does. Where nothing listens, or nobody is admitted, or the
/// peer does not claim the name `to`, unless that is empty, the status is 255; a `failure` that `then` throws is told
/// on stderr, and its code is the status.
int with_session(const peer_arguments& given, const std::string& endpoint, const std::string& to,
                 const std::function<int(const session& with)>& then);

/// "2s", "500ms", "1m", or "none". Errors: `invalid_argument`.
result<std::chrono::milliseconds> parse_deadline(std::string_view text);

}  // namespace duplex::tools
