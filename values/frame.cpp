// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/frame.hpp>

#include <algorithm>
#include <cstring>

namespace duplex {

void frame_writer::put(std::string_view payload) {
  const auto need = frame_header + payload.size();
  if (!memory_ || size_ + need > memory_->capacity()) grow(need);
  auto* at = memory_->begin() + size_;
  detail::store_length(at, static_cast<std::uint32_t>(payload.size()));
  if (!payload.empty()) std::memcpy(at + frame_header, payload.data(), payload.size());
  size_ += static_cast<std::uint32_t>(need);
  ++count_;
}

void frame_writer::grow(std::size_t more) {
  const auto want = memory_ ? std::max<std::size_t>(std::size_t{memory_->capacity()} * 2, size_ + more) : more;
  detail::block_ptr larger{detail::block::make(want)};
  if (memory_) std::memcpy(larger->begin(), memory_->begin(), size_);
  memory_ = std::move(larger);
}

frames frame_writer::take() {
  frames batch{bytes{std::move(memory_), 0, size_}, count_};
  size_ = count_ = 0;
  return batch;
}

frames make_frames(std::string_view payload) {
  frame_writer one;
  one.put(payload);
  return one.take();
}

}  // namespace duplex
