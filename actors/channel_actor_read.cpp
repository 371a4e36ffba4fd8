// SPDX-License-Identifier: BSD-2-Clause
// How a channel hands out what arrived: to those who ask, or to its subscriber.
#include "actors/channel_actor.hpp"

#include <algorithm>

namespace duplex::detail {

void channel_core::pending_read::deliver(frames batch) {
  if (reader != nullptr)
    reader->arrived(std::move(batch));
  else
    answer.deliver(std::move(batch));
}

void channel_core::pending_read::fail(const caf::error& why) {
  if (reader != nullptr)
    reader->arrived(from_caf(why));
  else
    answer.deliver(why);
}

caf::response_promise channel_core::wait_for(pending_read::kind what, std::size_t limit) {
  pending_read read{what, limit, make_response_promise(), nullptr, nullptr};
  if (subscriber_) {
    read.answer.deliver(to_caf({errc::invalid_argument, "read: the channel has a subscriber"}));
    return read.answer;
  }
  if (stream_ && what != pending_read::kind::errors) stream_->expect_frames(what == pending_read::kind::frames);
  auto promise = read.answer;
  if (!(waiting_ && !waiting_->reads.empty()) && answer(read)) {
    look();  // a channel that ended may be done with its last bytes
    return promise;
  }
  patience().reads.push_back(std::move(read));
  if (waiting_->reads.size() > 1) look();  // a read of the other kind may wait for long: this one need not
  return promise;
}

error channel_core::end_of_reading() const {
  if (stream_ && stream_->failure()) return stream_->failure();
  return {errc::end_of_stream, "the remote side has sent everything"};
}

// Answers if there is something to answer with.
bool channel_core::answer(pending_read& read) {
  if (!stream_) {
    read.fail(to_caf({errc::closed, "read: the channel is closed"}));
    return true;
  }
  if (read.what == pending_read::kind::bytes) {
    if (auto data = stream_->take_bytes(std::max<std::size_t>(read.limit, 1)); !data.empty()) {
      stream_->consumed(data.size());
      read.answer.deliver(std::move(data));
      return true;
    }
  } else {
    auto batch = read.what == pending_read::kind::frames ? stream_->take_frames() : stream_->take_errors();
    if (!batch) {
      read.fail(to_caf(batch.error()));
      break_with(batch.error());
      return true;
    }
    if (!batch->empty()) {
      if (read.what == pending_read::kind::errors) stream_->consumed(batch->wire_size());
      read.deliver(std::move(*batch));
      return true;
    }
  }
  if (!stream_->ended()) return false;
  read.fail(to_caf(end_of_reading()));
  return true;
}

void channel_core::answer_reads() {
  auto& reads = waiting_->reads;
  for (std::size_t i = 0; i < reads.size() && state_ != state::over;) {
    const auto kind = reads[i].what;
    // Reads of a kind are answered in their order: the first that has to wait holds back the others.
    const bool behind =
        std::any_of(reads.begin(), reads.begin() + static_cast<std::ptrdiff_t>(i), [&](const pending_read& r) {
          return (r.what == pending_read::kind::errors) == (kind == pending_read::kind::errors);
        });
    auto read = reads[i];
    if (!behind && answer(read)) {
      if (state_ != state::over) reads.erase(reads.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
}

void channel_core::push_to_subscriber() {
  stream_->expect_frames(form_ == delivery::frames);
  auto errors = stream_->take_errors();
  if (!errors) return break_with(errors.error());
  if (!errors->empty()) pass_on(error_atom_v, std::move(*errors));
  if (form_ == delivery::frames) {
    for (;;) {  // what is wrong comes after the good frames, and nothing may follow that would wake us again
      auto batch = stream_->take_frames();
      if (!batch) return break_with(batch.error());
      if (batch->empty()) break;
      pass_on(frames_atom_v, std::move(*batch));
    }
  } else {
    for (auto data = stream_->take_bytes(SIZE_MAX); !data.empty(); data = stream_->take_bytes(SIZE_MAX))
      pass_on(bytes_atom_v, std::move(data));
  }
  if (stream_->trailers() && stream_->is_whole() && !std::exchange(trailers_told_, true))
    pass_on(trailers_atom_v, *stream_->trailers());
  if (stream_->ended() && !std::exchange(eof_told_, true)) pass_on(eof_atom_v);
}

// The session's turn, not this actor's: it may fill a mailbox, but not end, nor answer a request: who made that may run
// the application's code on hearing it. What is wrong with the data is found again by `look`.
bool channel_core::hand_on() {
  if (state_ != state::open || stream_->errors_readable()) return false;
  if (!subscriber_) return hand_to_reader();
  const bool anybody_waits = waiting_ && !waiting_->is_idle();
  if (form_ != delivery::frames || anybody_waits) return false;
  release_credit();
  auto batch = stream_->take_frames();
  if (!batch) return false;
  if (!batch->empty()) pass_on(frames_atom_v, std::move(*batch));
  return !stream_->readable();
}

bool channel_core::hand_to_reader() {
  if (!waiting_ || waiting_->reads.empty()) return true;  // who reads next will find them
  auto& reads = waiting_->reads;
  if (reads.size() != 1 || reads[0].reader == nullptr) return false;
  auto batch = stream_->take_frames();
  if (!batch) return false;
  if (batch->empty()) return true;
  const auto read = std::move(reads[0]);
  reads.clear();
  read.reader->arrived(std::move(*batch));
  return true;
}

// Nobody runs it, and no message waits for it that came before.
bool channel_core::is_at_rest() { return home() != nullptr && worker::current() == home() && mailbox().blocked(); }

bool channel_core::fetch_now(frames_reader& by, const caf::strong_actor_ptr& owner, std::uint32_t consumed) {
  if (!is_at_rest() || state_ != state::open || subscriber_ || stream_->ended()) return false;
  if (waiting_ && !waiting_->reads.empty()) return false;
  stream_->expect_frames(true);
  auto batch = stream_->take_frames();
  if (!batch) return false;
  if (consumed != 0) stream_->consumed(consumed);
  if (batch->empty())
    patience().reads.push_back({pending_read::kind::frames, 0, {}, &by, owner});
  else
    by.arrived(std::move(*batch));
  return true;
}

void channel_core::answer_drained() {
  if (!stream_ || waiting_->drained.empty()) return;
  if (stream_->queued() > limits_.high_water) return stream_->ask_when_drained();
  for (auto& promise : std::exchange(waiting_->drained, {})) promise.deliver(caf::unit);
}

void channel_core::answer_trailers() {
  if (!stream_->trailers()) return;
  for (auto& promise : std::exchange(waiting_->trailers, {})) promise.deliver(*stream_->trailers());
}

}  // namespace duplex::detail
