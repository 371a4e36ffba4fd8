// SPDX-License-Identifier: BSD-2-Clause
// What the port hands out of what the actor gave it.
#include "actors/channel_port.hpp"
#include "transport/line_codec.hpp"

namespace duplex::detail {

error channel_port::end_of_reading() const {
  if (ended_by_remote_) return {errc::end_of_stream, end_.context()};
  return end_;
}

std::optional<result<bytes>> channel_port::try_read_frame() {
  std::lock_guard lock{mutex_};
  if (!arrived_.empty()) {
    auto payload = arrived_.pop_front();
    consumed_ += static_cast<std::uint32_t>(payload.size()) + frame_header;
    return result<bytes>{std::move(payload)};
  }
  if (end_) return result<bytes>{end_of_reading()};
  return std::nullopt;
}

std::optional<result<frames>> channel_port::try_read_frames() {
  std::lock_guard lock{mutex_};
  if (!arrived_.empty()) {
    consumed_ += static_cast<std::uint32_t>(arrived_.wire_size());
    return result<frames>{std::exchange(arrived_, {})};
  }
  if (end_) return result<frames>{end_of_reading()};
  return std::nullopt;
}

std::optional<result<bytes>> channel_port::try_read_error() {
  std::lock_guard lock{mutex_};
  if (!errors_.empty()) return result<bytes>{errors_.pop_front()};
  if (end_) return result<bytes>{end_of_reading()};
  return std::nullopt;
}

std::optional<result<bytes>> channel_port::try_read(std::size_t limit) {
  std::lock_guard lock{mutex_};
  if (!arrived_.empty()) {  // frames that nobody read as frames
    auto batch = std::exchange(arrived_, {});
    const auto wire_size = batch.wire_size();
    auto image = by_lines_ ? transport::to_lines(batch) : std::move(batch).image();
    consumed_ += static_cast<std::uint32_t>(wire_size - image.size());  // credit counts prefixes
    auto data = image.slice(0, limit);
    consumed_ += static_cast<std::uint32_t>(data.size());
    image.remove_prefix(data.size());
    rest_ = std::move(image);
    return result<bytes>{std::move(data)};
  }
  if (!rest_.empty()) {
    auto data = rest_.slice(0, limit);
    consumed_ += static_cast<std::uint32_t>(data.size());
    rest_.remove_prefix(data.size());
    return result<bytes>{std::move(data)};
  }
  if (end_) return result<bytes>{end_of_reading()};
  return std::nullopt;
}

void channel_port::read(std::size_t limit, completion_ptr<bytes> done) {
  if (auto outcome = try_read(limit)) return done->complete(std::move(*outcome));
  {
    std::lock_guard lock{mutex_};
    return_credit();
  }
  ask<bytes>(std::move(done), read_atom_v, static_cast<std::uint64_t>(limit));
}

void channel_port::read_frame(completion_ptr<bytes> done) {
  if (auto outcome = try_read_frame()) return done->complete(std::move(*outcome));
  {
    std::unique_lock lock{mutex_};
    if (!arrived_.empty() || end_) {  // it came between the look and the lock
      lock.unlock();
      return read_frame(std::move(done));
    }
    frame_waiters_.push_back([this, done = std::move(done)](const error* why) mutable {
      if (why != nullptr)
        done->complete(*why);
      else
        read_frame(std::move(done));
    });
  }
  fetch_frames();
}

void channel_port::read_frames(completion_ptr<frames> done) {
  if (auto outcome = try_read_frames()) return done->complete(std::move(*outcome));
  {
    std::unique_lock lock{mutex_};
    if (!arrived_.empty() || end_) {  // it came between the look and the lock
      lock.unlock();
      return read_frames(std::move(done));
    }
    frame_waiters_.push_back([this, done = std::move(done)](const error* why) mutable {
      if (why != nullptr)
        done->complete(*why);
      else
        read_frames(std::move(done));
    });
  }
  fetch_frames();
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
  if (consumed_ != 0 && !end_) send(target_, credit_atom_v, std::exchange(consumed_, 0U));
}

// One request at a time for each kind; its answer serves whoever waits then.
template <class Verb, class... Ts>
void channel_port::fetch(bool channel_port::*under_way, frames channel_port::*into,
                         std::vector<waiter> channel_port::*who, Verb verb, Ts... xs) {
  auto answer = [self = caf::intrusive_ptr<channel_port>{this}, under_way, into, who](const caf::error& failed,
                                                                                      caf::message content) {
    const auto why = from_caf(failed);
    std::unique_lock lock{self->mutex_};
    self.get()->*under_way = false;
    if (why.code() == errc::closed && !self->end_) {  // on_end will serve them, with the reason
      self->at_end_.push_back([self] {});             // and must find them: this may be the last reference
      return;
    }
    if (!failed) self.get()->*into = std::move(content.get_mutable_as<frames>(0));
    auto waiting = std::exchange(self.get()->*who, {});
    lock.unlock();
    for (auto& one : waiting) one(failed && why.code() != errc::closed ? &why : nullptr);
  };
  request(target_, no_timeout, std::move(answer), verb, xs...);
}

void channel_port::fetch_frames() {
  std::uint32_t credit = 0;
  {
    std::lock_guard lock{mutex_};
    if (end_ || frame_waiters_.empty() || std::exchange(fetching_, true)) return;
    credit = std::exchange(consumed_, 0);
  }
  fetch(&channel_port::fetching_, &channel_port::arrived_, &channel_port::frame_waiters_, frames_atom_v, credit);
}

void channel_port::fetch_errors() {
  {
    std::lock_guard lock{mutex_};
    if (end_ || error_waiters_.empty() || std::exchange(fetching_errors_, true)) return;
    return_credit();
  }
  fetch(&channel_port::fetching_errors_, &channel_port::errors_, &channel_port::error_waiters_, error_atom_v);
}

}  // namespace duplex::detail
