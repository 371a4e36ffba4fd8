// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <cstddef>
#include <string>
#include <utility>

namespace duplex::rpc::detail {

inline constexpr std::size_t max_small = 256 << 10;  // larger ones get a channel of their own, not to delay the others

/// A string that keeps its memory for the next one on this thread.
class frame_buffer {
 public:
  frame_buffer() : text_(std::exchange(spare(), {})) { text_.clear(); }
  ~frame_buffer() {
    if (text_.capacity() <= max_small) spare() = std::move(text_);
  }
  frame_buffer(const frame_buffer&) = delete;
  frame_buffer& operator=(const frame_buffer&) = delete;
  std::string* operator->() { return &text_; }
  std::string& operator*() { return text_; }

 private:
  static std::string& spare() {
    static thread_local std::string text;
    return text;
  }
  std::string text_;
};

}  // namespace duplex::rpc::detail
