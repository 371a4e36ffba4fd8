// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/frame.hpp>

#include <cstdint>
#include <optional>
#include <utility>

namespace duplex::detail {

/// *The port's lock.* What has come for a handle and was not read yet, to be taken as frames or as bytes, and the
/// credit for what was: its size on the wire.
class inbox {
 public:
  /// Frames taken as bytes are lines, or as they travel.
  explicit inbox(bool by_lines) noexcept : by_lines_(by_lines) {}

  /// When all frames that came before have been taken.
  void put(frames batch) noexcept { frames_ = std::move(batch); }
  /// When all that came before has been taken: bytes that the channel counts as consumed already.
  void put(bytes data) noexcept {
    rest_ = std::move(data);
    paid_ = rest_.size();
  }
  [[nodiscard]] bool has_frames() const noexcept { return !frames_.empty(); }
  [[nodiscard]] bool has_bytes() const noexcept { return has_frames() || !rest_.empty(); }

  std::optional<bytes> take_frame() {
    if (frames_.empty()) return std::nullopt;
    auto payload = frames_.pop_front();
    consumed_ += static_cast<std::uint32_t>(payload.size()) + frame_header;
    return payload;
  }
  std::optional<frames> take_frames() {
    if (frames_.empty()) return std::nullopt;
    consumed_ += static_cast<std::uint32_t>(frames_.wire_size());
    return std::exchange(frames_, {});
  }
  /// At most `limit`, of frames that nobody took as frames.
  std::optional<bytes> take_bytes(std::size_t limit);
  /// All that is left, perhaps nothing.
  bytes take_all();
  /// What was taken since the last time, to be given back to the channel.
  std::uint32_t take_credit() noexcept { return std::exchange(consumed_, 0U); }

 private:
  bytes as_bytes(frames batch);
  void consume_rest(std::size_t count) noexcept;

  frames frames_;
  bytes rest_;            // of frames that were taken as bytes, or come as such; it comes first
  std::size_t paid_ = 0;  // of that, for which no credit is due
  std::uint32_t consumed_ = 0;
  const bool by_lines_;
};

}  // namespace duplex::detail
