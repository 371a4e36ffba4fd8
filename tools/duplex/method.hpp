// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "tools/duplex/rpc_session.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace duplex::tools {

/// *Value.* What a peer tells of one method and of its services.
struct method_found {
  bool known = false;  ///< the rest says nothing otherwise
  bool streams_in = false, becomes_bytes = false, gives_nothing = false;
  std::vector<std::string> parameters;  ///< as the signature has them, without a stream
  std::string others;                   ///< what is served instead, in words; for an error
};

/// Asks duplex.Reflection. Where that may not be called, or is not there, nothing is known.
/// Throws `failure`.
method_found find_method(const session& with, const std::string& method, const rpc::call_options& how);

/// Those of "(string, fn(demo.event) -> void, stream of i32) -> i32", without the stream.
std::vector<std::string> parameters_of(std::string_view signature);

}  // namespace duplex::tools
