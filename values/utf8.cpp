// SPDX-License-Identifier: BSD-2-Clause
#include "values/utf8.hpp"

#include <cstdint>

namespace duplex {

std::size_t utf8_size(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0U; };
  const auto rest = [&](std::size_t from, std::size_t to) {
    for (; from < to; ++from) {
      if ((byte(from) & 0xc0) != 0x80) return false;
    }
    return true;
  };
  const unsigned head = byte(0), second = byte(1);
  if (head < 0x80) return 1;
  if (head >= 0xc2 && head < 0xe0) return rest(1, 2) ? 2 : 0;
  if (head >= 0xe0 && head < 0xf0) {
    const unsigned least = head == 0xe0 ? 0xa0 : 0x80, most = head == 0xed ? 0x9f : 0xbf;
    return second >= least && second <= most && rest(2, 3) ? 3 : 0;
  }
  if (head >= 0xf0 && head < 0xf5) {
    const unsigned least = head == 0xf0 ? 0x90 : 0x80, most = head == 0xf4 ? 0x8f : 0xbf;
    return second >= least && second <= most && rest(2, 4) ? 4 : 0;
  }
  return 0;
}

}  // namespace duplex
