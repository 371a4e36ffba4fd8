// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/log.hpp>

namespace duplex {

std::string printable(std::string_view text) {
  std::string shown{text};
  for (auto& c : shown)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return shown;
}

}  // namespace duplex
