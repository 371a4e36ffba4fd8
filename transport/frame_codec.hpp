// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/bytes.hpp>
#include <duplex/frame.hpp>
#include <duplex/result.hpp>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace duplex::transport {

/// *Worker-bound.* Bytes that arrived and that nobody has taken yet, to be taken as whole frames or raw, whichever the
/// reader asks for. One copy in, none out; none at all for memory that is handed over. Memory follows what arrived,
/// never what a header announces, beyond what the SSH window lets the remote side send anyway.
class receive_buffer {
 public:
  void append(const char* data, std::size_t size);
  /// Keeps that memory. Small pieces are gathered all the same, and so are the pieces of a frame.
  void append(bytes data);

  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_ + behind(); }
  /// What is there, of handed-over pieces the first; valid until the next change.
  [[nodiscard]] std::string_view view() const noexcept {
    return empty() ? std::string_view{} : std::string_view{memory_->begin() + begin_, end_ - begin_};
  }
  /// True when `take_frames` would return a frame, or an error: an announced length over `max_frame`.
  [[nodiscard]] bool has_frame(std::uint64_t max_frame);

  /// All whole frames, or those of the first handed-over piece; perhaps none. Errors: `frame_too_large`, for good.
  result<frames> take_frames(std::uint64_t max_frame);
  /// The first whole frame alone, if there is one.
  result<frames> take_frame(std::uint64_t max_frame);
  /// At most `limit` bytes as they came.
  bytes take_bytes(std::size_t limit);
  /// Why the bytes left over at the end are no whole frame; nothing when none are left.
  [[nodiscard]] error truncation() const;

 private:
  void scan(std::uint64_t max_frame);
  void put(const char* data, std::size_t size);
  void reserve(const char* data, std::size_t size);
  void adopt(bytes piece) noexcept;
  bytes next_piece() noexcept;
  std::size_t behind() const noexcept { return later_ ? later_->size : 0; }
  void move_to(std::uint64_t capacity);
  bytes cut(std::uint32_t end);

  detail::block_ptr memory_;
  std::uint32_t room_ = 0;       // end of what may be written; memory that was handed over has none
  std::uint32_t begin_ = 0;      // first byte not taken
  std::uint32_t whole_ = 0;      // end of the frames known to be whole
  std::uint32_t end_ = 0;        // end of what arrived
  std::uint32_t count_ = 0;      // whole frames in [begin_, whole_)
  std::uint64_t too_large_ = 0;  // an announced length over the limit

  // Handed over, and behind what is looked at now. Apart: most channels never have any.
  struct later {
    std::vector<bytes> pieces;  // from next on
    std::size_t next = 0, size = 0;
  };
  std::unique_ptr<later> later_;
};

}  // namespace duplex::transport
