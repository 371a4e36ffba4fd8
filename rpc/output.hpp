// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace duplex::rpc {

/// Appends small pieces to a string: collected on the stack, for an append each would cost more than the piece.
/// Thread: one at a time.
class output {
 public:
  explicit output(std::string& to) noexcept : to_(to) {}
  output(const output&) = delete;
  output& operator=(const output&) = delete;

  void put(char c) {
    if (used_ == sizeof buffer_) flush();
    buffer_[used_++] = c;
  }
  void put(std::string_view text) {
    if (text.size() > sizeof buffer_ - used_) return put_long(text);
    text.copy(buffer_ + used_, text.size());  // not memcpy: what is empty may be null
    used_ += text.size();
  }
  /// A byte and the lowest `size` bytes of `value`, the highest first: how MessagePack and CBOR begin most tokens.
  void put_head(unsigned tag, std::uint64_t value, std::size_t size) {
    char head[9] = {static_cast<char>(tag)};
    for (std::size_t i = 0; i < size; ++i) head[1 + i] = static_cast<char>(value >> (8 * (size - 1 - i)));
    put({head, 1 + size});
  }
  /// To be called last: what is still on the stack goes to the string.
  void flush() {
    to_.append(buffer_, used_);
    used_ = 0;
  }

 private:
  void put_long(std::string_view text) {
    flush();
    if (text.size() > sizeof buffer_) {
      to_.append(text);
    } else {
      put(text);
    }
  }

  std::string& to_;
  std::size_t used_ = 0;
  char buffer_[512];  // a call's arguments mostly fit
};

}  // namespace duplex::rpc
