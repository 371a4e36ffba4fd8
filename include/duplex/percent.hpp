// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace duplex {

/// `text` with C0 control characters, DEL, '%' and ';' as %XX, so that it fits into a list. Thread: any.
std::string percent_encode(std::string_view text);
/// The reverse; nothing for a '%' without two hexadecimal digits, or for a NUL, encoded or not, which C strings would
/// cut. Thread: any.
std::optional<std::string> percent_decode(std::string_view text);

/// Each item encoded and ended by ';': order, duplicates and empty items are kept. Thread: any.
std::string encode_list(const std::vector<std::string>& items);
/// The reverse; nothing for a malformed item or a last one without its ';'. Thread: any.
std::optional<std::vector<std::string>> decode_list(std::string_view text);

/// The value of the first `key=value` item with that key. Thread: any.
std::optional<std::string_view> find_value(const std::vector<std::string>& items, std::string_view key);

}  // namespace duplex
