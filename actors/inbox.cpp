// SPDX-License-Identifier: BSD-2-Clause
#include "actors/inbox.hpp"

#include "transport/line_codec.hpp"

#include <algorithm>

namespace duplex::detail {

// A line is shorter than its frame on the wire, which is what credit counts.
bytes inbox::as_bytes(frames batch) {
  const auto wire_size = batch.wire_size();
  auto data = by_lines_ ? transport::to_lines(batch) : std::move(batch).image();
  consumed_ += static_cast<std::uint32_t>(wire_size - data.size());
  return data;
}

std::optional<bytes> inbox::take_bytes(std::size_t limit) {
  if (rest_.empty() && has_frames()) rest_ = as_bytes(std::exchange(frames_, {}));
  if (rest_.empty()) return std::nullopt;
  auto data = rest_.slice(0, limit);
  consume_rest(data.size());
  rest_.remove_prefix(data.size());
  return data;
}

void inbox::consume_rest(std::size_t count) noexcept {
  const auto paid = std::min(paid_, count);
  paid_ -= paid;
  consumed_ += static_cast<std::uint32_t>(count - paid);
}

bytes inbox::take_all() {
  auto behind = as_bytes(std::exchange(frames_, {}));
  auto data = std::exchange(rest_, {});
  if (data.empty()) {
    data = std::move(behind);
  } else if (!behind.empty()) {
    bytes_writer both;
    both.append(data);
    both.append(behind);
    data = both.take();
  }
  consume_rest(data.size());
  return data;
}

}  // namespace duplex::detail
