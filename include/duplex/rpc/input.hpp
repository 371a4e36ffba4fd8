// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace duplex::rpc {

/// *Value.* What a decoder may take from one message, checked before anything is allocated. `elements` are array items
/// and map entries of all levels together, `memory` is the sum of their sizes, `depth` counts arrays and maps in one
/// another. The defaults are far above what a call carries and far below what hurts a process.
struct codec_limits {
  std::size_t bytes = 16U << 20;
  std::size_t elements = 1U << 20;
  std::size_t memory = 64U << 20;
  unsigned depth = 64;
};

/// A message that cannot be read, or a value that cannot be written: "ps[0].x: expected an integer, got a string".
class codec_error : public std::runtime_error {
 public:
  explicit codec_error(const std::string& why) : std::runtime_error(why), text_(why) {}

  /// Says that it happened within that field, or that item; the innermost comes first.
  void within(std::string_view field);
  void within(std::size_t item);
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  void prefix(const std::string& step);

  std::string path_, text_;
};

/// A message in memory that is read under a budget. Everything throws codec_error. Thread: one at a time.
class input {
 public:
  input(std::string_view in, const codec_limits& limits) noexcept : in_(in), limits_(limits) {}

  [[nodiscard]] std::uint8_t first() const {
    if (in_.empty()) ends_early();
    return static_cast<std::uint8_t>(in_[0]);
  }
  std::string_view take(std::size_t size) {
    if (in_.size() < size) ends_early();
    const auto taken = in_.substr(0, size);
    in_.remove_prefix(size);
    return taken;
  }
  /// Where it reads, to come back to.
  [[nodiscard]] std::string_view rest() const noexcept { return in_; }
  void go_to(std::string_view rest) noexcept { in_ = rest; }
  /// Throws if anything is left.
  void finish() const;

  /// Before that many items are read, which are announced.
  void count(std::size_t items);
  /// Before that many items are read, which are there.
  void add(std::size_t items);
  /// Before `size` bytes are taken to keep what was read.
  void grow(std::size_t size) {
    if (size > limits_.memory - memory_) too_much_memory();
    memory_ += size;
  }
  /// Before and after the values within an array or a map.
  void enter() {
    if (depth_ >= limits_.depth) too_deep();
    ++depth_;
  }
  void leave() noexcept { --depth_; }
  [[nodiscard]] const codec_limits& limits() const noexcept { return limits_; }

 private:
  [[noreturn]] static void ends_early();
  [[noreturn]] void too_much_memory() const;
  [[noreturn]] void too_deep() const;

  std::string_view in_;
  codec_limits limits_;
  std::size_t elements_ = 0, memory_ = 0;
  unsigned depth_ = 0;
};

}  // namespace duplex::rpc
