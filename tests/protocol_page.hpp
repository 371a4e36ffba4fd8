// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <string>
#include <string_view>

// How the vectors of docs/protocol.md are written.

namespace duplex::test {

inline std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  return first == std::string_view::npos ? "" : std::string{text.substr(first, text.find_last_not_of(' ') - first + 1)};
}

inline std::string unhex(std::string_view digits) {
  std::string out;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string{digits.substr(i, 2)}, nullptr, 16));
  return out;
}

/// "\xHH" is that octet.
inline std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "\\x") {
      out += unhex(text.substr(i + 2, 2));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace duplex::test
