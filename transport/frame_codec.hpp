// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/bytes.hpp>
#include <duplex/frame.hpp>
#include <duplex/result.hpp>

#include <cstdint>
#include <string_view>

namespace duplex::transport {

/// *Worker-bound.* Bytes that arrived and that nobody has taken yet, to be taken as whole frames or raw, whichever the
/// reader asks for. One copy in, none out. Memory follows what arrived, never what a header announces, beyond what the
/// SSH window lets the remote side send anyway.
class receive_buffer {
 public:
  void append(const char* data, std::size_t size);

  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  /// What is there; valid until the next change.
  [[nodiscard]] std::string_view view() const noexcept {
    return empty() ? std::string_view{} : std::string_view{memory_->begin() + begin_, size()};
  }
  /// True when `take_frames` would return a frame, or an error: an announced length over `max_frame`.
  [[nodiscard]] bool has_frame(std::uint64_t max_frame);

  /// All whole frames, perhaps none. Errors: `frame_too_large`, for good.
  result<frames> take_frames(std::uint64_t max_frame);
  /// The first whole frame alone, if there is one.
  result<frames> take_frame(std::uint64_t max_frame);
  /// At most `limit` bytes as they came.
  bytes take_bytes(std::size_t limit);
  /// Why the bytes left over at the end are no whole frame; nothing when none are left.
  [[nodiscard]] error truncation() const;

 private:
  void scan(std::uint64_t max_frame);
  void reserve(const char* data, std::size_t size);
  void move_to(std::uint64_t capacity);
  bytes cut(std::uint32_t end);

  detail::block_ptr memory_;
  std::uint32_t begin_ = 0;      // first byte not taken
  std::uint32_t whole_ = 0;      // end of the frames known to be whole
  std::uint32_t end_ = 0;        // end of what arrived
  std::uint32_t count_ = 0;      // whole frames in [begin_, whole_)
  std::uint64_t too_large_ = 0;  // an announced length over the limit
};

}  // namespace duplex::transport
