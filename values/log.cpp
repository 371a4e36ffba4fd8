// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/log.hpp>

#include "values/utf8.hpp"

#include <algorithm>

namespace duplex {

namespace {

// A control character (C0, DEL, C1) or a broken one at the front: 0. Else its size.
std::size_t shown_size(std::string_view text) {
  const auto size = utf8_size(text);
  const auto last =
      static_cast<unsigned char>(text[0]) == 0xc2 && size == 2 ? static_cast<unsigned char>(text[1]) : 0xffU;
  const bool is_control = (size == 1 && (static_cast<unsigned char>(text[0]) < 0x20 || text[0] == 0x7f)) || last < 0xa0;
  return is_control ? 0 : size;
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
