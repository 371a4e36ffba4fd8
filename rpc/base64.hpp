// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <string>
#include <string_view>

namespace duplex::rpc {

/// RFC 4648 section 4, padded. Thread: any.
std::string to_base64(std::string_view bytes);
/// The reverse; false for text that is not exactly that. Thread: any.
bool from_base64(std::string_view text, std::string& bytes);

}  // namespace duplex::rpc
