// SPDX-License-Identifier: BSD-2-Clause
#include "transport/stream.hpp"

#include <duplex/percent.hpp>

#include <caf/send.hpp>

#include <algorithm>

namespace duplex::transport {
namespace {

constexpr std::size_t longest_reason = 8000;  // a sentence; percent-encoded it still fits into trailers (32 KiB)

}  // namespace

std::vector<std::string> as_trailers(const error& why) {
  return {"status=" + std::to_string(static_cast<int>(why.code())),
          "reason=" + why.context().substr(0, longest_reason)};
}

void stream::expect_frames(bool yes) {
  if (framed_ == yes) return;
  framed_ = yes;
  by_.changed(*this);  // what did not count as progress may now, or the other way round
}

bool stream::readable() {
  if (!framed_) return !data_.empty();
  if (lines_) return lines_->has_frame(data_, max_frame_, ended());
  return data_.has_frame(max_frame_) || (ended() && !data_.empty());
}

result<frames> stream::take_frames() {
  auto taken = lines_ ? lines_->take(data_, max_frame_, ended()) : data_.take_frames(max_frame_);
  if (taken && taken->empty() && ended() && !data_.empty()) return data_.truncation();
  if (taken) unconsumed_ += taken->wire_size();
  return taken;
}

bytes stream::take_bytes(std::size_t limit) {
  if (lines_) lines_->forget();
  auto taken = data_.take_bytes(limit);
  unconsumed_ += taken.size();
  return taken;
}

result<frames> stream::take_errors() {
  auto taken = errors_.take_frames(max_frame_);
  if (taken) unconsumed_ += taken->wire_size();
  return taken;
}

void stream::consumed(std::size_t count) {
  const bool had_room = has_room();
  unconsumed_ -= std::min(count, unconsumed_);
  if (!had_room && has_room()) by_.changed(*this);
}

bool stream::has_room() {
  if (data_.size() + errors_.size() + unconsumed_ < receive_window_) return true;
  // A frame larger than the window must still arrive whole: nobody can consume a part of it. Who waits for one kind
  // need not read the other, which may fill the window once.
  if (unconsumed_ != 0) return false;
  const bool frame_cut = !readable(), error_cut = !errors_readable();
  return (frame_cut && (error_cut || errors_.size() < receive_window_)) ||
         (error_cut && data_.size() < receive_window_);
}

void stream::tell() {
  if (told_ || !channel_) return;
  told_ = true;
  caf::anon_send(channel_, wake_atom_v);
}

caf::actor stream::tell_and_leave() {
  tell();
  return std::exchange(channel_, nullptr);
}

void stream::tell_of_data() {
  const bool over = eof_ || closed_ || trailers_ || failure_;  // then the channel may have to end
  if (told_ || user_ == nullptr || over || !user_->hand_on()) tell();
}

void stream::accept() {
  accepted_ = send_accept_ = true;
  by_.changed(*this);
}

void stream::push(segment what) {
  if (what.data.empty() || closed_ || send_eof_ || last_word_) return;
  queued_ += what.data.size();
  queue_.push_back(std::move(what));
  by_.changed(*this);
}

void stream::close_write() {
  if (send_eof_ || closed_) return;
  send_eof_ = true;
  by_.changed(*this);
}

void stream::finish(std::vector<std::string> trailers) {
  if (last_word_ || closed_) return;
  if (const auto reason = find_value(trailers, "reason"); by_lines() && reason && find_value(trailers, "status") != "0")
    write_error(bytes{"duplex: " + std::string{*reason} + '\n'});  // trailers do not reach a terminal
  last_word_ = std::move(trailers);
  by_.changed(*this);
}

void stream::refuse(const error& why) {
  refused_ = true;
  // To a stock client the reason is all: it hears no status but its own program's.
  finish(as_trailers(by_lines() ? error{why.code(), why.message()} : why));
}

void stream::close() {
  if (send_close_) return;
  send_close_ = true;
  by_.changed(*this);
}

void stream::discard() noexcept {
  queue_.clear();
  head_ = offset_ = queued_ = 0;
}

void stream::ask_when_drained() {
  ask_drained_ = true;
  by_.changed(*this);
}

void stream::release() {
  released_ = send_close_ = true;
  send_eof_ = send_eof_ || has_children();  // its CLOSE may have to wait for theirs
  channel_ = nullptr;
  user_ = nullptr;
  by_.changed(*this);
}

void stream::report(channel_loads& to) const {
  if (channel_) to.push_back({channel_, queued_, data_.size() + errors_.size() + unconsumed_});
}

void stream::become_child_of(stream& parent) {
  parent_ = &parent;
  ++parent.children_;
}

void stream::announce_child(caf::actor child) {
  ++coming_;
  caf::anon_send(channel_, incoming_atom_v, std::move(child));
}

void stream::leave_parent() {
  auto* parent = std::exchange(parent_, nullptr);
  if (parent != nullptr && --parent->children_ == 0) by_.changed(*parent);
}

void stream::end_if_child_of(const stream& parent) {
  if (is_child_of(parent) && channel_ && (!closed_ || !accepted_))
    caf::anon_send(channel_, close_atom_v, error{errc::closed, "its parent channel was closed"});
}

void stream::drop_sent(std::size_t count) {
  queued_ -= count;
  while (count != 0) {
    auto& front = queue_[head_];
    const auto n = std::min(count, front.data.size() - offset_);
    count -= n;
    offset_ += n;
    if (offset_ != front.data.size()) continue;
    front.data = {};
    offset_ = 0;
    ++head_;
  }
  if (head_ == queue_.size()) {
    queue_.clear();
    head_ = 0;
  } else if (head_ > 64 && head_ * 2 > queue_.size()) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

}  // namespace duplex::transport
