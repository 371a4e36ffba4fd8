// SPDX-License-Identifier: BSD-2-Clause
// What the port hands out of what the actor gave it.
#include "actors/channel_port.hpp"

#include <algorithm>

namespace duplex::detail {

error channel_port::end_of_reading() const {
  if (ended_by_remote_) return {errc::end_of_stream, end_.context()};
  return end_;
}

// What there is, or why there will be no more. What came for those who wait is not for who comes then: `is_promised`.
std::optional<result<bytes>> channel_port::next_bytes(std::size_t limit) {
  if (auto data = inbox_.take_bytes(std::max<std::size_t>(limit, 1))) return result<bytes>{std::move(*data)};
  if (end_) return result<bytes>{end_of_reading()};
  return std::nullopt;
}

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

std::optional<result<bytes>> channel_port::next_error() {
  if (!errors_.empty()) return result<bytes>{errors_.pop_front()};
  if (end_) return result<bytes>{end_of_reading()};
  return std::nullopt;
}

std::optional<result<bytes>> channel_port::try_read(std::size_t limit) {
  std::lock_guard lock{mutex_};
  return is_promised() ? std::nullopt : next_bytes(limit);
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
  return next_error();
}

void channel_port::read(std::size_t limit, completion_ptr<bytes> done) { wait({std::move(done), nullptr, limit}); }

void channel_port::read_frame(completion_ptr<bytes> done) { wait({std::move(done), nullptr, std::nullopt}); }

void channel_port::read_frames(completion_ptr<frames> done) { wait({nullptr, std::move(done), std::nullopt}); }

void channel_port::wait(reader who) {
  std::unique_lock lock{mutex_};
  const bool came_since = can_serve(who) && !is_promised();
  readers_.push_back(std::move(who));
  if (came_since) serve_readers(lock);
  fetch(std::move(lock));
}

void channel_port::read_error(completion_ptr<bytes> done) {
  std::unique_lock lock{mutex_};
  if (errors_.empty() && !end_) {
    std::erase_if(error_readers_, [](const auto& each) { return !each->waits(); });
    error_readers_.push_back(std::move(done));
    return fetch_errors(std::move(lock));
  }
  if (!done->claim()) return;
  auto outcome = next_error();
  lock.unlock();
  done->complete(std::move(*outcome));
}

// Credit rides on requests for frames and on writes; other reads hand it back by itself, or it would be kept for ever.
void channel_port::return_credit() {
  if (end_) return;
  if (const auto credit = inbox_.take_credit(); credit != 0) send(target_, credit_atom_v, credit);
}

// One request at a time, for what the first who waits asks; its answer serves whoever waits then. A cancellation leaves
// it under way: what it brings is for who reads next.
void channel_port::fetch(std::unique_lock<std::mutex> lock) {
  std::erase_if(readers_, [](const reader& each) { return !each.waits(); });
  if (end_ || readers_.empty() || came_ || is_promised()) return;  // what came has yet to be handed out
  if (std::exchange(fetching_, true)) return;
  const auto limit = readers_.front().limit;
  const auto credit = inbox_.take_credit();
  lock.unlock();
  if (limit) {
    if (credit != 0) send(target_, credit_atom_v, credit);
    request(target_, no_timeout, hear_fetched<bytes>(), read_atom_v, static_cast<std::uint64_t>(*limit));
  } else if (core_ == nullptr || !core_->fetch_now(*this, caf::strong_actor_ptr{ctrl()}, credit)) {
    request(target_, no_timeout, hear_fetched<frames>(), frames_atom_v, credit);
  }
}

template <class T> requester::reply channel_port::hear_fetched() {
  return [self = caf::intrusive_ptr<channel_port>{this}](const caf::error& failed, caf::message content) {
    if (failed)
      self->fetched<T>(from_caf(failed));
    else
      self->fetched<T>(std::move(content.get_mutable_as<T>(0)));
  };
}

// Whether on_end will serve who waits, with the reason. It must find them: this may be the last reference.
bool channel_port::leave_to_end(const error& why) {
  if (why.code() != errc::closed || end_) return false;
  at_end_.push_back([self = caf::intrusive_ptr<channel_port>{this}] {});
  return true;
}

// Who waits is woken apart from the channel's turn, when the channel rests: then the next read needs no message.
template <class T> void channel_port::fetched(result<T> what) {
  std::lock_guard lock{mutex_};
  fetching_ = false;
  if (what)
    inbox_.put(std::move(*what));
  else if (leave_to_end(what.error()))
    return;
  else
    not_read_ = what.error();
  came_ = true;
  schedule();
}

void channel_port::arrived(result<frames> what) { fetched(std::move(what)); }

// What is there is for somebody who waits already, then: `run`, or another thread, is handing it out.
bool channel_port::somebody_can_be_served() const {
  return std::any_of(readers_.begin(), readers_.end(),
                     [this](const reader& each) { return each.waits() && can_serve(each); });
}

// In their order, as far as it goes round; bytes of a frame that was taken apart pass those who want a whole one.
void channel_port::serve_readers(std::unique_lock<std::mutex>& lock) {
  if (not_read_) {
    const auto why = std::exchange(not_read_, {});
    for (auto& who : std::exchange(readers_, {})) serve(std::move(who), why, lock);  // who comes meanwhile asks anew
  }
  const auto can = [this](const reader& each) { return can_serve(each); };
  for (;;) {
    const auto next = std::find_if(readers_.begin(), readers_.end(), can);
    if (next == readers_.end()) return;
    auto who = std::move(*next);
    readers_.erase(next);
    serve(std::move(who), {}, lock);
  }
}

// With what there is, or why there is nothing. It is completed, and let go, without the lock: that may run the
// application's code, and release the last handle.
void channel_port::serve(reader&& who, const error& why, std::unique_lock<std::mutex>& lock) {
  const auto give = [&]<class T>(completion_ptr<T> done, auto next) {
    if (!done->claim()) return;
    std::optional<result<T>> outcome = next();
    lock.unlock();
    done->complete(outcome ? std::move(*outcome) : result<T>{why});
    done = nullptr;
    lock.lock();
  };
  if (who.all)
    give(std::move(who.all), [&] { return next_frames(); });
  else if (who.limit)
    give(std::move(who.one), [&] { return next_bytes(*who.limit); });
  else
    give(std::move(who.one), [&] { return next_frame(); });
}

void channel_port::fetch_errors(std::unique_lock<std::mutex> lock) {
  if (std::exchange(fetching_errors_, true)) return;
  return_credit();
  lock.unlock();
  auto answer = [self = caf::intrusive_ptr<channel_port>{this}](const caf::error& failed, caf::message content) {
    const auto why = from_caf(failed);
    std::unique_lock among{self->mutex_};
    self->fetching_errors_ = false;
    if (self->leave_to_end(why)) return;
    if (!failed) self->errors_ = std::move(content.get_mutable_as<frames>(0));
    auto waiting = std::exchange(self->error_readers_, {});
    among.unlock();
    for (auto& one : waiting)
      if (failed && why.code() != errc::closed)
        one->complete(why);
      else
        self->read_error(std::move(one));
  };
  request(target_, no_timeout, std::move(answer), error_atom_v);
}

}  // namespace duplex::detail
