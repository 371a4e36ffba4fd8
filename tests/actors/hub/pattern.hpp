// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace duplex::test {

/// Bytes that tell where in a stream they are.
inline std::string pattern(std::size_t size, std::size_t from = 0) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(((from + i) * 2654435761U) >> 13);
  return text;
}

/// FNV-1a over all that was added: tells whether bytes arrived whole and in order.
class checksum {
 public:
  void add(std::string_view text) noexcept {
    for (const char c : text) sum_ = (sum_ ^ static_cast<unsigned char>(c)) * 1099511628211U;
    size_ += text.size();
  }
  [[nodiscard]] std::uint64_t sum() const noexcept { return sum_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

 private:
  std::uint64_t sum_ = 14695981039346656037U, size_ = 0;
};

}  // namespace duplex::test
