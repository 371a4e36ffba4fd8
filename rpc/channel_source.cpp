// SPDX-License-Identifier: BSD-2-Clause
#include "rpc/channel_source.hpp"

#include "rpc/operations.hpp"

namespace duplex::rpc::detail {

void channel_source::start(channel from, std::shared_ptr<handles> scope, interceptors* seen_by) {
  std::unique_lock lock{mutex_};
  from_ = std::move(from);
  scope_ = std::move(scope);
  seen_by_ = seen_by;
  read_all_ = false;       // it may have been refused elsewhere before
  if (wake_) fetch(lock);  // somebody waits already
}

void channel_source::end(const rpc::status& why) {
  std::unique_lock lock{mutex_};
  if (end_) return;
  end_ = why;
  if (!why.ok()) batch_ = {};
  const auto wake = std::exchange(wake_, nullptr);
  lock.unlock();
  if (wake) wake();
}

source::state channel_source::poll(void* into, waker wake, const executor&) {
  std::unique_lock lock{mutex_};
  if (batch_.empty() && !end_) fetch(lock);
  if (batch_.empty()) {
    if (!end_) {
      if (wake) wake_ = std::move(wake);
      return state::pending;
    }
    if (!end_->ok()) throw failure{*end_};
    return state::end;
  }
  const auto payload = batch_.pop_front();
  const auto scope = scope_;
  lock.unlock();
  if (seen_by_ != nullptr) seen_by_->object(direction::received, payload);
  try {
    decode(payload, *codec_, *as_.value, as_.emplace(into), limits_, scope.get());
  } catch (const codec_error& wrong) {
    throw failure{code::invalid_argument, std::string{"an object of the stream: "} + wrong.what()};
  }
  return state::item;
}

// Asks the channel for frames unless that is under way. Leaves the lock held.
void channel_source::fetch(std::unique_lock<std::mutex>& lock) {
  if (reading_ || read_all_ || !from_) return;
  reading_ = true;
  const auto from = from_;
  lock.unlock();
  detail::start(from.state(), duplex::detail::read_frames_op{},
                [self = shared_from_this()](result<frames> batch) { self->arrived(std::move(batch)); });
  lock.lock();
}

void channel_source::arrived(result<frames> batch) {
  std::unique_lock lock{mutex_};
  reading_ = false;
  if (!batch) {
    read_all_ = true;
    lock.unlock();
    return ended_by_(batch.error());
  }
  batch_ = std::move(*batch);
  const auto wake = std::exchange(wake_, nullptr);
  lock.unlock();
  if (wake) wake();
}

}  // namespace duplex::rpc::detail
