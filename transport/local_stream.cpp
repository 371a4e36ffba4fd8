// SPDX-License-Identifier: BSD-2-Clause
#include "transport/local_stream.hpp"

#include "transport/local_session.hpp"

#include <algorithm>

namespace duplex::transport {
namespace {

// By so much, two packets of SSH, a window may be passed: a small rest that is cut off a frame would cost the receiver
// a copy of the frame's beginning, and a tiny window would make tiny pieces.
constexpr std::size_t excess = 64U << 10;

}  // namespace

local_stream::local_stream(local_session& owner, const options& of, channel_id id)
    : stream(owner, of), id_(id), granted_(static_cast<std::int64_t>(of.receive_window)) {}

void local_stream::consumed(std::size_t count) {
  stream::consumed(count);
  if (due() != 0) by_.changed(*this);
}

// In portions of a quarter of the window, unless the remote side has nothing left.
std::int64_t local_stream::due() {
  if (gone_ || closed_ || eof_) return 0;
  const auto window = static_cast<std::int64_t>(receive_window_);
  const auto held = released_ ? 0 : static_cast<std::int64_t>(data_.size() + errors_.size() + unconsumed_);
  const auto room = held < window ? window - held : has_room() ? window : 0;
  const auto missing = room - granted_;
  return room > 0 && (missing >= window / 4 || granted_ <= 0) ? std::max<std::int64_t>(missing, 0) : 0;
}

void local_stream::grant(std::vector<wire::event>& to) {
  const auto count = due();
  if (count == 0) return;
  granted_ += count;
  to.emplace_back(wire::credit{id_, static_cast<std::uint64_t>(count)});
}

void local_stream::arrived(bytes content, bool is_error) {
  granted_ -= static_cast<std::int64_t>(content.size());
  if (!released_) (is_error ? errors_ : data_).append(std::move(content));
}

void local_stream::closed_there() {
  gone_ = true;
  if (std::exchange(closed_, true)) return;
  send_close_ = news_ = true;
  discard();
}

void local_stream::fail(error why) {
  if (failure_) return;
  failure_ = std::move(why);
  closed_ = send_close_ = news_ = true;
  discard();
}

void local_stream::send_data(std::vector<wire::event>& to) {
  while (queued_ != 0 && credit_ > 0) {
    const auto& front = queue_[head_];
    const auto n = std::min(front.data.size() - offset_, static_cast<std::size_t>(credit_) + excess);
    to.emplace_back(wire::data{id_, front.data.slice(offset_, n), front.is_error});
    credit_ -= static_cast<std::int64_t>(n);
    drop_sent(n);
  }
}

void local_stream::send_acceptance(std::vector<wire::event>& to) {
  if (std::exchange(send_accept_, false)) to.emplace_back(wire::accept{id_, receive_window_});
}

void local_stream::send(std::vector<wire::event>& to) {
  if (close_sent_) return;
  send_acceptance(to);
  if (gone_) discard();
  send_data(to);
  if (ask_drained_ && queued_ <= low_water_) {
    ask_drained_ = false;
    tell();
  }
  grant(to);
  if (queued_ != 0) return;
  if (last_word_ && !std::exchange(word_sent_, true)) to.emplace_back(wire::trailers{id_, *last_word_});
  if (send_eof_ && !std::exchange(eof_sent_, true)) to.emplace_back(wire::eof{id_});
  if (!send_close_ || has_children()) return;
  close_sent_ = true;
  to.emplace_back(wire::close{id_});
  leave_parent();
}

}  // namespace duplex::transport
