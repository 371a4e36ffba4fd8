// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/log.hpp>

#include <algorithm>

namespace duplex {

namespace {

// The bytes of the character at the front, when it is one that shows: UTF-8 (RFC 3629), and no control (C0, DEL, C1).
std::size_t shown_size(std::string_view at) {
  const auto byte = [&](std::size_t i) -> unsigned { return i < at.size() ? static_cast<unsigned char>(at[i]) : 0U; };
  const unsigned first = byte(0);
  if (first < 0x80) return first < 0x20 || first == 0x7f ? 0 : 1;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  unsigned code = first & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return 0;
    code = code << 6 | (byte(i) & 0x3fU);
  }
  constexpr unsigned least[] = {0, 0, 0xa0, 0x800, 0x10000};  // of as many bytes; below 0xa0 there are controls
  const bool is_surrogate = code >= 0xd800 && code < 0xe000;
  return first < 0xc0 || first > 0xf4 || code < least[size] || code > 0x10ffff || is_surrogate ? 0 : size;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const auto size = shown_size(text);
    if (size == 0)
      shown += '?';
    else
      shown += text.substr(0, size);
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return shown;
}

}  // namespace duplex
