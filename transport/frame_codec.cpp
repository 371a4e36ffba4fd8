// SPDX-License-Identifier: BSD-2-Clause
#include "transport/frame_codec.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <string>

namespace duplex::transport {
namespace {

// libssh 0.10 grants at most this window: a remote side may send that much unasked, so a block of that size gives it
// nothing it does not have already. Doubling from the start would copy every large frame once more.
constexpr std::uint64_t ssh_window = 1'280'000;
constexpr std::uint32_t smallest_block = 4096;  // libssh reads that much from a socket at a time
// Below this a copy is cheaper than a piece of its own, for which the reader would get a batch of its own, too.
constexpr std::size_t small_piece = 2048;
// The highest max_frame there is (values/options.cpp). What announces more is an attack, or raw bytes that nobody will
// read as frames: ASCII letters do.
constexpr std::uint64_t longest_frame = 1U << 30;

std::uint64_t room_for(std::uint64_t announced, std::uint64_t arrived) {
  if (announced > longest_frame) return arrived;
  return std::min(announced + frame_header, std::max(ssh_window, 2 * arrived));
}

// Such a length is often no length: somebody sends bytes where frames are read.
std::string doubt(std::uint32_t length) {
  std::array<char, frame_header> first{};
  detail::store_length(first.data(), length);
  const auto is_text = std::all_of(first.begin(), first.end(), [](char c) { return c >= ' ' && c <= '~'; });
  return is_text ? "; or is it no frame but text that begins with '" + std::string{first.data(), first.size()} + "'?"
                 : std::string{};
}

}  // namespace

void receive_buffer::append(const char* data, std::size_t size) {
  if (behind() != 0) return append(bytes{{data, size}});
  put(data, size);
}

void receive_buffer::append(bytes data) {
  if (data.empty()) return;
  if (empty()) return adopt(std::move(data));
  if (behind() == 0 && data.size() < small_piece) return put(data.data(), data.size());
  if (!later_) later_ = std::make_unique<later>();
  later_->size += data.size();
  later_->pieces.push_back(std::move(data));
}

void receive_buffer::adopt(bytes piece) noexcept {
  auto slice = std::move(piece).release();
  memory_ = std::move(slice.memory);
  begin_ = whole_ = slice.begin;
  end_ = room_ = slice.end;
}

bytes receive_buffer::next_piece() noexcept {
  auto& [pieces, next, size] = *later_;
  auto piece = std::move(pieces[next++]);
  size -= piece.size();
  if (next == pieces.size() || (next > 64 && next * 2 > pieces.size())) {
    pieces.erase(pieces.begin(), pieces.begin() + static_cast<std::ptrdiff_t>(next));
    next = 0;
  }
  return piece;
}

void receive_buffer::put(const char* data, std::size_t size) {
  reserve(data, size);
  std::memcpy(memory_->begin() + end_, data, size);
  end_ += static_cast<std::uint32_t>(size);
}

void receive_buffer::reserve(const char* data, std::size_t size) {
  if (memory_ && end_ + size <= room_) return;
  const auto partial = end_ - whole_;
  const char* header = partial >= frame_header                ? memory_->begin() + whole_
                       : partial == 0 && size >= frame_header ? data
                                                              : nullptr;
  const std::uint64_t frame = header ? room_for(detail::load_length(header), partial + size) : 0;
  move_to(std::max<std::uint64_t>(
      {end_ - begin_ + size, whole_ - begin_ + frame, size < smallest_block / 4 ? 0 : smallest_block}));
}

// Bytes handed out stay where they are, with those who hold them; only those not taken move.
void receive_buffer::move_to(std::uint64_t capacity) {
  const auto have = end_ - begin_;
  detail::block_ptr larger{detail::block::make(capacity)};
  if (have != 0) std::memcpy(larger->begin(), memory_->begin() + begin_, have);
  memory_ = std::move(larger);
  room_ = memory_->capacity();
  whole_ -= begin_;
  end_ = have;
  begin_ = 0;
}

void receive_buffer::scan(std::uint64_t max_frame) {
  if (too_large_ != 0) return;
  for (;;) {
    // In registers: what is read might be these members, for all g++ knows, and each frame waits for the one before.
    const char* const from = memory_ ? memory_->begin() : nullptr;
    std::uint64_t whole = whole_;
    std::uint32_t count = count_;
    while (end_ - whole >= frame_header) {
      const std::uint64_t length = detail::load_length(from + whole);
      if (length > max_frame) too_large_ = length;
      if (length > max_frame || whole + frame_header + length > end_) break;
      whole += frame_header + length;
      ++count;
    }
    whole_ = static_cast<std::uint32_t>(whole);
    count_ = count;
    if (count_ != 0 || too_large_ != 0 || behind() == 0) return;
    const auto rest = next_piece();  // of the frame that has begun
    put(rest.data(), rest.size());
  }
}

bool receive_buffer::has_frame(std::uint64_t max_frame) {
  scan(max_frame);
  return count_ != 0 || too_large_ != 0;
}

result<frames> receive_buffer::take_frames(std::uint64_t max_frame) {
  scan(max_frame);
  if (count_ == 0 && too_large_ != 0)
    return {errc::frame_too_large, "a frame of " + std::to_string(too_large_) + " bytes is over the limit of " +
                                       std::to_string(max_frame) + " (the receiver's option max_frame)" +
                                       doubt(static_cast<std::uint32_t>(too_large_))};
  const auto count = std::exchange(count_, 0);
  if (count == 0) return frames{};
  return frames{cut(whole_), count};
}

result<frames> receive_buffer::take_frame(std::uint64_t max_frame) {
  scan(max_frame);
  if (count_ <= 1) return take_frames(max_frame);
  --count_;
  return frames{cut(begin_ + frame_header + detail::load_length(memory_->begin() + begin_)), 1};
}

bytes receive_buffer::take_bytes(std::size_t limit) {
  // Raw reading gives up the frames' boundaries: what is left is looked at afresh.
  const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(limit, end_ - begin_));
  count_ = 0;
  too_large_ = 0;
  whole_ = begin_ + count;
  return cut(whole_);
}

bytes receive_buffer::cut(std::uint32_t end) {
  bytes taken{memory_, begin_, end};
  begin_ = end;
  if (begin_ == end_) {
    memory_ = {};
    begin_ = whole_ = end_ = room_ = 0;
    if (behind() != 0) adopt(next_piece());
  } else if (count_ == 0 && end_ - begin_ >= frame_header) {
    // An unfinished frame that will not fit behind what was handed out moves now, while little of it is there.
    const auto need = room_for(detail::load_length(memory_->begin() + begin_), end_ - begin_);
    if (begin_ + need > room_) move_to(std::max<std::uint64_t>(need, end_ - begin_));
  }
  return taken;
}

error receive_buffer::truncation() const {
  if (empty()) return {};
  const auto left = std::to_string(size());
  if (size() < frame_header) return {errc::truncated, "the stream ended after " + left + " bytes of a frame's length"};
  const auto length = detail::load_length(memory_->begin() + begin_);
  return {errc::truncated, "the stream ended after " + std::to_string(size() - frame_header) + " bytes of a frame of " +
                               std::to_string(length)};
}

}  // namespace duplex::transport
