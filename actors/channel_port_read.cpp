// SPDX-License-Identifier: BSD-2-Clause
// What the port hands out of what the actor gave it.
#include "actors/channel_port.hpp"

namespace duplex::detail {

error channel_port::end_of_reading() const {
  if (ended_by_remote_) return {errc::end_of_stream, end_.context()};
  return end_;
}

// What there is, or why there will be no more. What came for those who wait is not for who comes then: `is_promised`.
std::optional<result<bytes>> channel_port::next_frame() {
  if (auto payload = inbox_.take_frame()) return result<bytes>{std::move(*payload)};
  if (end_) return result<bytes>{end_of_reading()};
  return std::nullopt;
}

std::optional<result<frames>> channel_port::next_frames() {
  if (auto batch = inbox_.take_frames()) return result<frames>{std::move(*batch)};
  if (end_) return result<frames>{end_of_reading()};
  return std::nullopt;
}

std::optional<result<bytes>> channel_port::try_read_frame() {
  std::lock_guard lock{mutex_};
  return is_promised() ? std::nullopt : next_frame();
}

std::optional<result<frames>> channel_port::try_read_frames() {
  std::lock_guard lock{mutex_};
  return is_promised() ? std::nullopt : next_frames();
}

std::optional<result<bytes>> channel_port::try_read_error() {
  std::lock_guard lock{mutex_};
  if (!errors_.empty()) return result<bytes>{errors_.pop_front()};
  if (end_) return result<bytes>{end_of_reading()};
  return std::nullopt;
}

std::optional<result<bytes>> channel_port::try_read(std::size_t limit) {
  std::lock_guard lock{mutex_};
  if (is_promised()) return std::nullopt;
  if (auto data = inbox_.take_bytes(limit)) return result<bytes>{std::move(*data)};
  if (end_) return result<bytes>{end_of_reading()};
  return std::nullopt;
}

void channel_port::read(std::size_t limit, completion_ptr<bytes> done) {
  {
    std::unique_lock lock{mutex_};
    if (is_promised()) serve_readers(lock);
  }
  if (auto outcome = try_read(limit)) return done->complete(std::move(*outcome));
  {
    std::lock_guard lock{mutex_};
    return_credit();
  }
  ask<bytes>(std::move(done), read_atom_v, static_cast<std::uint64_t>(limit));
}

void channel_port::read_frame(completion_ptr<bytes> done) {
  std::unique_lock lock{mutex_};
  auto outcome = is_promised() ? std::nullopt : next_frame();
  if (!outcome) return wait_for_frames({std::move(done), nullptr}, std::move(lock));
  lock.unlock();
  done->complete(std::move(*outcome));
}

void channel_port::read_frames(completion_ptr<frames> done) {
  std::unique_lock lock{mutex_};
  auto outcome = is_promised() ? std::nullopt : next_frames();
  if (!outcome) return wait_for_frames({nullptr, std::move(done)}, std::move(lock));
  lock.unlock();
  done->complete(std::move(*outcome));
}

void channel_port::wait_for_frames(frame_waiter who, std::unique_lock<std::mutex> lock) {
  frame_waiters_.push_back(std::move(who));
  fetch_frames(std::move(lock));
}

void channel_port::read_error(completion_ptr<bytes> done) {
  if (auto outcome = try_read_error()) return done->complete(std::move(*outcome));
  {
    std::unique_lock lock{mutex_};
    if (!errors_.empty() || end_) {  // it came between the look and the lock
      lock.unlock();
      return read_error(std::move(done));
    }
    error_waiters_.push_back([this, done = std::move(done)](const error* why) mutable {
      if (why != nullptr)
        done->complete(*why);
      else
        read_error(std::move(done));
    });
  }
  fetch_errors();
}

// Credit rides on requests for frames and on writes; other reads hand it back by itself, or it would be kept for ever.
void channel_port::return_credit() {
  if (end_) return;
  if (const auto credit = inbox_.take_credit(); credit != 0) send(target_, credit_atom_v, credit);
}

// One request at a time for each kind; its answer serves whoever waits then.
void channel_port::fetch_frames(std::unique_lock<std::mutex> lock) {
  if (end_ || frame_waiters_.empty() || frames_came_) return;  // `run` has yet to hand those out
  if (std::exchange(fetching_, true)) return;
  const auto credit = inbox_.take_credit();
  lock.unlock();
  if (core_ != nullptr && core_->fetch_now(*this, caf::strong_actor_ptr{ctrl()}, credit)) return;
  auto answer = [self = caf::intrusive_ptr<channel_port>{this}](const caf::error& failed, caf::message content) {
    if (failed)
      self->arrived(from_caf(failed));
    else
      self->arrived(std::move(content.get_mutable_as<frames>(0)));
  };
  request(target_, no_timeout, std::move(answer), frames_atom_v, credit);
}

// Whether on_end will serve who waits, with the reason. It must find them: this may be the last reference.
bool channel_port::leave_to_end(const error& why) {
  if (why.code() != errc::closed || end_) return false;
  at_end_.push_back([self = caf::intrusive_ptr<channel_port>{this}] {});
  return true;
}

// Who waits is woken apart from the channel's turn, when the channel rests: then the next read needs no message.
void channel_port::arrived(result<frames> what) {
  std::lock_guard lock{mutex_};
  fetching_ = false;
  if (what)
    inbox_.put(std::move(*what));
  else if (leave_to_end(what.error()))
    return;
  else
    not_read_ = what.error();
  frames_came_ = true;
  schedule();
}

// In their order, as far as it goes round. Each is completed, and let go, without the lock: that may run the
// application's code, and release the last handle.
void channel_port::serve_readers(std::unique_lock<std::mutex>& lock) {
  const auto why = std::exchange(not_read_, {});
  auto failing = why ? frame_waiters_.size() : 0;  // who waits from now on asks anew
  const auto serve = [&]<class T>(completion_ptr<T>& waiting, std::optional<result<T>> outcome) {
    if (!outcome && failing != 0) outcome = why;
    if (!outcome) return false;
    if (failing != 0) --failing;
    auto done = std::move(waiting);
    frame_waiters_.erase(frame_waiters_.begin());
    lock.unlock();
    done->complete(std::move(*outcome));
    done = nullptr;
    lock.lock();
    return true;
  };
  while (!frame_waiters_.empty()) {
    auto& first = frame_waiters_.front();
    if (!(first.one ? serve(first.one, next_frame()) : serve(first.all, next_frames()))) return;
  }
}

void channel_port::fetch_errors() {
  {
    std::lock_guard lock{mutex_};
    if (end_ || error_waiters_.empty() || std::exchange(fetching_errors_, true)) return;
    return_credit();
  }
  auto answer = [self = caf::intrusive_ptr<channel_port>{this}](const caf::error& failed, caf::message content) {
    const auto why = from_caf(failed);
    std::unique_lock lock{self->mutex_};
    self->fetching_errors_ = false;
    if (self->leave_to_end(why)) return;
    if (!failed) self->errors_ = std::move(content.get_mutable_as<frames>(0));
    auto waiting = std::exchange(self->error_waiters_, {});
    lock.unlock();
    for (auto& one : waiting) one(failed && why.code() != errc::closed ? &why : nullptr);
  };
  request(target_, no_timeout, std::move(answer), error_atom_v);
}

}  // namespace duplex::detail
