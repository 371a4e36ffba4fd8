// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/frame.hpp>

#include <cstdint>
#include <string_view>
#include <utility>

namespace duplex::detail {

/// *The port's lock.* What was written to a handle and not handed to its channel yet, frames or bytes, and how much was
/// handed over that the channel has not yet said to have sent.
class outbox {
 public:
  /// Bytes as they are, or the payload of one frame.
  enum class form : bool { raw, frame };

  /// Whether it goes behind what is there; else that is to be taken first.
  [[nodiscard]] bool fits(std::size_t size, form how) const noexcept {
    return how == form::raw ? frames_.empty()
                            : bytes_.empty() && frames_.wire_size() + frame_header + size <= flush_size;
  }
  void put(std::string_view data, form how) {
    if (how == form::frame)
      frames_.put(data), passed(data.size() + frame_header);
    else
      bytes_.append(data), passed(data.size());
  }
  [[nodiscard]] bool has_frames() const noexcept { return !frames_.empty(); }
  [[nodiscard]] bool has_bytes() const noexcept { return !bytes_.empty(); }
  [[nodiscard]] bool is_full() const noexcept { return frames_.wire_size() + bytes_.size() >= flush_size; }
  frames take_frames() { return frames_.take(); }
  bytes take_bytes() { return bytes_.take(); }

  /// So many bytes are on their way.
  void passed(std::size_t size) noexcept { unanswered_ += size; }
  /// With as many in the channel's own queue this bounds what one writer can have queued.
  void set_high_water(std::uint64_t size) noexcept { high_water_ = size; }
  [[nodiscard]] bool may_pass() const noexcept { return unanswered_ < high_water_; }
  /// Whether it is time to ask the channel when it will have sent what it was given; from half of that on, so that the
  /// answer comes in time.
  [[nodiscard]] bool asks() const noexcept { return !asked_ && unanswered_ >= high_water_ / 2; }
  void asked() noexcept {
    asked_ = true;
    asked_at_ = unanswered_;
  }
  void answered() noexcept {
    asked_ = false;
    unanswered_ -= asked_at_;
  }

 private:
  // Beyond it a larger batch saves no more. A block of memory has that size: a batch of small frames fills it, and does
  // not grow into the next larger one.
  static constexpr std::size_t flush_size = 64 << 10;

  frame_writer frames_;
  bytes_writer bytes_;
  std::uint64_t high_water_ = 512 << 10;
  std::uint64_t unanswered_ = 0;  // bytes given to the channel since it was last known to have drained
  std::uint64_t asked_at_ = 0;    // of those, how many when it was asked
  bool asked_ = false;
};

}  // namespace duplex::detail
