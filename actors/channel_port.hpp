// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/channel.hpp>
#include <duplex/frame.hpp>

#include "actors/acceptors.hpp"
#include "actors/channel_actor.hpp"
#include "actors/inbox.hpp"
#include "actors/outbox.hpp"
#include "actors/relay.hpp"
#include "runtime/requester.hpp"
#include "runtime/worker.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace duplex::detail {

struct channel_state;

/// *Any thread.* Where code outside actors meets a channel actor. It batches what is written before the actor's mailbox
/// (one message per frame would cap at 2.4 million a second) and hands out what the actor gave, frame by frame. The
/// mutex is held for a few instructions at a time and never while anybody's code runs: it stands for the mailbox that a
/// requester does not have.
class channel_port final : public requester, public worker::task, public frames_reader {
 public:
  using form = outbox::form;

  channel_port(caf::actor_config& config, channel_actor actor, worker* home);

  [[nodiscard]] const channel_actor& actor() const noexcept { return actor_; }
  [[nodiscard]] worker* home() const noexcept { return home_; }
  /// Follows the actor's end; once, right after construction.
  void start();
  /// The last handle is gone.
  void abandon();
  /// Ends the channel if it has not ended, so that the handle, which may live on, hears it: one with unread data waits
  /// for its reader though its session is gone.
  void runtime_stopped() noexcept;
  /// Then there is nobody who could be asked, and no system.
  [[nodiscard]] bool has_stopped();
  /// The channel has ended, perhaps with its runtime: every operation is done at once.
  [[nodiscard]] bool is_over();
  /// From now on `abandon` leaves the channel open.
  void disown();

  // The operations' fast paths: the outcome, or nothing when it takes waiting.
  std::optional<result<bytes>> try_read(std::size_t limit);
  std::optional<result<bytes>> try_read_frame();
  std::optional<result<frames>> try_read_frames();
  std::optional<result<bytes>> try_read_error();
  std::optional<result<void>> try_write(std::string_view data, form how);
  std::optional<result<void>> try_write(const frames& batch);

  // What never waits.
  result<void> end_writing(std::optional<std::vector<std::string>> trailers = std::nullopt);
  result<void> close();

  // The slow paths.
  void read(std::size_t limit, completion_ptr<bytes> done);
  void read_frame(completion_ptr<bytes> done);
  void read_frames(completion_ptr<frames> done);
  void read_error(completion_ptr<bytes> done);
  void write(std::string_view data, form how, completion_ptr<void> done);
  void write(const frames& batch, completion_ptr<void> done);
  void trailers(completion_ptr<std::vector<std::string>> done);
  void describe(completion_ptr<meta> done);
  void join(channel_port& other, completion_ptr<void> done);
  void join(const descriptor& with, completion_ptr<void> done);
  void accept(completion_ptr<channel> done);
  void send_channel(std::shared_ptr<channel_state> what, completion_ptr<void> done);
  /// Any other request: what was written goes first.
  template <class T, class... Ts> void ask(completion_ptr<T> done, Ts&&... xs);

  void run() override;  // what arrived, and the outbox, once per turn
  void arrived(result<frames> what) override;
  void dropped() noexcept override;

 private:
  struct reader {
    completion_ptr<bytes> one;
    completion_ptr<frames> all;        // or this
    std::optional<std::size_t> limit;  // of bytes; none: frames

    [[nodiscard]] bool waits() const noexcept { return one ? one->waits() : all->waits(); }
  };
  struct postponed {
    bytes data;
    form how;
    frames batch;  // or these
    completion_ptr<void> done;
  };

  template <class T> void conclude(completion_ptr<T> done);
  void put(std::string_view data, form how);
  void put(const frames& batch);
  void postpone(postponed what);
  void put_postponed(const postponed& what);
  void handed_over();
  [[nodiscard]] bool is_blocked() const noexcept { return end_ || write_ended_; }
  bool must_wait() const { return !outbox_.may_pass() || !writers_.empty(); }
  void schedule();
  bool can_serve(const reader& who) const { return end_ || (who.limit ? inbox_.has_bytes() : inbox_.has_frames()); }
  bool is_promised() const { return !readers_.empty() && (end_ || inbox_.has_bytes()) && somebody_can_be_served(); }
  bool somebody_can_be_served() const;
  std::optional<result<bytes>> next_bytes(std::size_t limit);
  std::optional<result<bytes>> next_frame();
  std::optional<result<frames>> next_frames();
  std::optional<result<bytes>> next_error();
  void wait(reader who);
  void serve_readers(std::unique_lock<std::mutex>& lock);
  void serve(reader&& who, const error& why, std::unique_lock<std::mutex>& lock);
  void flush_locked();
  void hand_over(frames batch);
  bool leave_to_end(const error& why);
  void return_credit();
  relay_end give_away();
  void await_join(const caf::actor& by, completion_ptr<void> done);
  void fetch(std::unique_lock<std::mutex> lock);
  template <class T> void fetched(result<T> what);
  template <class T> reply hear_fetched();
  void fetch_errors(std::unique_lock<std::mutex> lock);
  void want_drained();
  void drained();
  void on_end(const caf::error& reason);
  error end_of_reading() const;
  bool has_ended() const;

  channel_actor actor_;
  caf::strong_actor_ptr target_;
  channel_core* core_;  // the same; nullptr: somebody else's actor
  worker* home_;
  std::uint64_t max_frame_ = UINT32_MAX;

  std::mutex mutex_;  // guards what follows
  outbox outbox_;
  inbox inbox_;  // its credit goes back with the next message
  frames errors_;
  std::vector<reader> readers_;
  std::vector<completion_ptr<bytes>> error_readers_;
  std::unique_ptr<acceptors> acceptors_;  // of its children; once somebody accepts
  std::list<postponed> writers_;          // a deque would own 576 bytes when empty
  error end_;                             // none while it lives
  std::vector<std::string> trailers_;
  std::vector<unique_function<void()>> at_end_;
  error not_read_;  // for those who read
  bool scheduled_ = false, came_ = false, fetching_ = false, fetching_errors_ = false, write_ended_ = false,
       trailers_written_ = false;
  bool trailed_ = false, disowned_ = false, ended_by_remote_ = false, stopped_ = false;
  caf::intrusive_ptr<channel_port> ref_for_turn_;  // while the worker will run this task
};

// What an operation that the channel's end overtook comes to.
template <class T> void channel_port::conclude(completion_ptr<T> done) {
  if constexpr (std::is_same_v<T, std::vector<std::string>>)
    trailers(std::move(done));
  else if constexpr (std::is_same_v<T, meta>)
    describe(std::move(done));
  else
    done->complete(end_);
}

template <class T, class... Ts> void channel_port::ask(completion_ptr<T> done, Ts&&... xs) {
  {
    std::lock_guard lock{mutex_};
    flush_locked();
  }
  auto answer = [self = caf::intrusive_ptr<channel_port>{this}, done = std::move(done)](const caf::error& failed,
                                                                                        caf::message content) mutable {
    if (!failed) {
      if constexpr (std::is_void_v<T>)
        done->complete({});
      else if constexpr (std::is_same_v<T, channel>)
        done->complete(channel{self->home_system(), caf::actor_cast<channel_actor>(content.get_as<caf::actor>(0))});
      else
        done->complete(std::move(content.get_mutable_as<T>(0)));
      return;
    }
    const auto why = from_caf(failed);
    if (why.code() != errc::closed || !self->has_ended()) return done->complete(why);
    // The actor went while the request was under way. Its reason says more, and may be about to arrive.
    std::unique_lock lock{self->mutex_};
    if (!self->end_) {
      self->at_end_.push_back([self, done = std::move(done)]() mutable { self->conclude(std::move(done)); });
      return;
    }
    lock.unlock();
    self->conclude(std::move(done));
  };
  request(target_, no_timeout, std::move(answer), std::forward<Ts>(xs)...);
}

}  // namespace duplex::detail
