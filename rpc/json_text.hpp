// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <string>
#include <string_view>

namespace duplex::rpc {

/// Appends a MessagePack value as JSON text (RFC 8259), without spaces: bytes as base64, integer keys as text. Throws
/// codec_error for what JSON cannot say: NaN, infinities, text that is not UTF-8, other keys. Thread: any.
void write_json(std::string& out, std::string_view msgpack);

}  // namespace duplex::rpc
