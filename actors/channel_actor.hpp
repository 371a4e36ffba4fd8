// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/channel.hpp>

#include "actors/accept_queue.hpp"
#include "runtime/pinned.hpp"
#include "runtime/sharing_behavior.hpp"
#include "transport/session.hpp"

#include <caf/mailbox_element.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <atomic>
#include <memory>
#include <vector>

namespace duplex::detail {

/// *Value.* The options that a channel needs; `max_frame` is that of the remote side where it is smaller.
struct channel_limits {
  std::uint64_t high_water, max_frame, accept_queue;
};

/// How long ago that was.
inline std::chrono::milliseconds age_of(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
}

/// The error of a frame over the limit.
error too_large(std::uint64_t size, std::uint64_t limit);

/// The error of trailers over the limit, or none.
error check_trailers(const std::vector<std::string>& list);

/// A channel's actor as the library sees it: with the session's and the peer's messages.
using channel_core_actor =
    channel_actor::extend<caf::reacts_to<wake_atom>,                        // session: look at your stream
                          caf::replies_to<open_atom>::with<channel_actor>,  // session, delegated: answer when the
                                                                            // remote side has
                          caf::reacts_to<incoming_atom, caf::actor>,        // session: a child asks to be kept
                          caf::reacts_to<keep_atom>,
                          caf::reacts_to<refuse_atom, error>,  // peer or parent: kept, or not
                          caf::reacts_to<close_atom, error>>;  // session: the parent has ended

/// *Worker-bound.* Who waits for frames on the channel's own worker, and gets them by a call.
class frames_reader {
 public:
  /// What a `fetch_now` that was taken came to; after an error perhaps once more. It is called in somebody else's turn,
  /// and only notes them.
  virtual void arrived(result<frames> what) = 0;

 protected:
  ~frames_reader() = default;
};

/// *Actor, pinned* to its session's worker, so that it may use its stream directly. On that worker, and while it rests,
/// frames go through it by calls: a message costs more than all else that is done to a small frame.
class channel_core final : public sharing_behavior<channel_core, pinned_actor<channel_core_actor::base>>,
                           public transport::stream_user {
 public:
  channel_core(caf::actor_config& config, transport::channel_setup setup, channel_limits limits);
  /// The actor if it is one of these; nullptr: somebody else's. Thread: any.
  static channel_core* of(const channel_actor& which) noexcept;

  behavior_type make_behavior() override;
  void on_exit() override;
  bool cleanup(caf::error&& reason, caf::execution_unit* host) override;
  const char* name() const override { return "duplex.channel"; }
  bool hand_on() override;
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* unit) override;
  using sharing_behavior::enqueue;
  /// See `carrier`. Thread: the home worker.
  [[nodiscard]] bool remote_shares_cpu() const { return stream_ != nullptr && stream_->remote_shares_cpu(); }

  /// As the message `(write_atom, batch, consumed)`, if that can be had at once; otherwise changes nothing. Thread:
  /// any.
  bool write_now(frames& batch, std::uint32_t consumed);
  /// As the request `(frames_atom, consumed)`, if `by` need not wait behind anybody; otherwise changes nothing. `by` is
  /// a part of `owner`. Thread: any.
  bool fetch_now(frames_reader& by, const caf::strong_actor_ptr& owner, std::uint32_t consumed);

  /// The trailers that had come when the channel ended, however it did. Thread: any, once it has.
  [[nodiscard]] const std::vector<std::string>* last_trailers() const noexcept { return last_trailers_.get(); }
  /// What the channel was made from, without trailers. Thread: any.
  meta describe() const;
  /// Of that what a report tells; what waits in the stream is the session's to say. Thread: any.
  channel_report report() const { return {setup_.service, setup_.opened_here, age_of(made_), 0, 0}; }
  /// The largest frame that may be sent. Thread: any.
  std::uint64_t max_frame() const noexcept { return limits_.max_frame; }
  /// Whether its frames travel as lines. Thread: any.
  bool by_lines() const noexcept { return by_lines_; }
  /// The option send_high_water. Thread: any.
  std::uint64_t high_water() const noexcept { return limits_.high_water; }
  /// Whether it has ended: what it still answers is about that end. Thread: any.
  bool has_ended() const noexcept { return ended_; }

 private:
  // One for each message of channel_core_actor.
  void on_write(write_atom, frames& batch, std::uint32_t consumed);
  caf::result<void> on_write_frames(write_atom, frames& batch);
  caf::result<void> on_write_bytes(write_atom, bytes& data);
  caf::result<void> on_write_errors(error_atom, frames& batch);
  caf::result<void> on_sent(sent_atom);
  void on_credit(credit_atom, std::uint32_t consumed);
  caf::result<void> on_subscribe(subscribe_atom, caf::strong_actor_ptr& whom, delivery form);
  caf::result<bytes> on_read(read_atom, std::uint64_t limit);
  caf::result<frames> on_read_frames(frames_atom, std::uint32_t consumed);
  caf::result<frames> on_read_errors(error_atom);
  caf::result<void> on_eof(eof_atom);
  caf::result<void> on_write_trailers(trailers_atom, std::vector<std::string>& list);
  caf::result<std::vector<std::string>> on_trailers(trailers_atom);
  caf::result<void> on_close(close_atom);
  caf::result<void> on_join(join_atom, const caf::actor& other);
  caf::result<void> on_join_descriptor(join_atom, const descriptor& with);
  meta on_meta(meta_atom);
  void on_wake(wake_atom);
  caf::result<channel_actor> on_open(open_atom);
  caf::result<void> on_send(send_atom, const caf::actor& what);
  caf::result<caf::actor> on_open_child(open_atom, std::string& service, std::vector<std::string>& headers);
  caf::result<caf::actor> on_accept_child(accept_atom);
  void on_incoming(incoming_atom, const caf::actor& child);
  void on_parent_end(close_atom, const error& why);
  void on_keep(keep_atom);
  void on_refuse(refuse_atom, const error& why);

  enum class state : std::uint8_t { opening, arriving, open, over };
  struct pending_read {
    enum class kind : std::uint8_t { bytes, frames, errors };
    kind what;
    std::size_t limit;
    caf::response_promise answer;
    frames_reader* reader = nullptr;  // in place of the promise
    caf::strong_actor_ptr owner;      // of that

    void deliver(frames batch);
    void fail(const caf::error& why);
  };
  // What most channels never need, apart: an idle channel stays small.
  struct waiting {
    std::vector<pending_read> reads;
    std::vector<caf::response_promise> drained, trailers;
    caf::response_promise opened;
    [[nodiscard]] bool is_idle() const {
      return reads.empty() && drained.empty() && trailers.empty() && !opened.pending();
    }
  };

  // A typed actor may not `send` to one that is not.
  template <class... Ts> void pass_on(Ts&&... xs) {
    subscriber_->get()->eq_impl(caf::make_message_id(), caf::strong_actor_ptr{ctrl()}, context(),
                                std::forward<Ts>(xs)...);
  }
  bool hand_to_reader();
  bool is_at_rest();
  void look();
  bool settle_open();
  void push_to_subscriber();
  bool answer(pending_read& read);
  void answer_reads();
  void answer_drained();
  void answer_trailers();
  void release_credit();
  caf::result<void> written(frames batch, bool is_error);
  caf::result<void> written(bytes image, bool is_error, std::uint32_t count = 0);
  caf::result<void> joined_by(const caf::actor& both);
  caf::response_promise wait_for(pending_read::kind what, std::size_t limit);
  void break_with(const error& why);
  void over(const caf::error& reason);
  error end_of_reading() const;
  caf::error no_trailers() const;
  error check_frames(const frames& batch) const;
  waiting& patience();
  accept_queue<caf::actor>& children();

  transport::channel_setup setup_;
  const std::chrono::steady_clock::time_point made_ = std::chrono::steady_clock::now();
  transport::stream* stream_;  // until released
  caf::strong_actor_ptr subscriber_;
  std::unique_ptr<waiting> waiting_;
  std::unique_ptr<accept_queue<caf::actor>> children_;  // that nobody has taken; once one came or was asked for
  std::unique_ptr<const std::vector<std::string>> last_trailers_;
  channel_limits limits_;
  std::uint32_t held_credit_ = 0;
  bool by_lines_;
  std::atomic<bool> ended_{false};
  state state_;
  delivery form_ = delivery::frames;
  bool eof_told_ = false, trailers_told_ = false, write_closed_ = false;
};

}  // namespace duplex::detail
