// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <cstddef>
#include <string_view>

namespace duplex {

/// How many bytes the character at the front of `text` has, 0 if it is no UTF-8 (RFC 3629: no surrogates, nothing in
/// more bytes than it needs, nothing above U+10FFFF). `text` is not empty. Thread: any.
std::size_t utf8_size(std::string_view text) noexcept;

}  // namespace duplex
