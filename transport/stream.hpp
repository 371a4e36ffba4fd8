// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/bytes.hpp>
#include <duplex/options.hpp>

#include "transport/frame_codec.hpp"
#include "transport/line_codec.hpp"
#include "transport/messages.hpp"

#include <caf/actor.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace duplex::transport {

class stream;

/// An error as trailers: `status` and `reason`, cut to what trailers may carry.
std::vector<std::string> as_trailers(const error& why);

/// *Worker-bound.* What carries streams: an SSH session.
class carrier {
 public:
  /// The stream has something to send, has room again, or was let go.
  virtual void changed(stream& which) = 0;
  /// Whether the remote side is known to run on this worker's CPU: what is sent early gives that CPU away.
  virtual bool remote_shares_cpu() { return false; }

 protected:
  ~carrier() = default;
};

/// *Worker-bound.* The channel actor as its stream calls it, within the session's turn.
class stream_user {
 public:
  /// Sends what has arrived to a subscriber. False when there is more to it than that, or none: tell the actor.
  virtual bool hand_on() = 0;

 protected:
  ~stream_user() = default;
};

/// *Worker-bound.* A session's end of one SSH channel; its channel actor is its only user. Whatever happens to it is
/// left here, and the channel actor is told once, by `(wake_atom)`, to come and look; data for a
/// subscriber are handed on by a call, which saves that message.
class stream {
 public:
  stream(carrier& by, const options& of)
      : by_(by), max_frame_(of.max_frame), receive_window_(of.receive_window), low_water_(of.send_low_water) {}
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  virtual ~stream() = default;

  // ---- for the channel: what arrived

  /// The remote side keeps the channel (`accept@duplex` for one opened here).
  [[nodiscard]] bool accepted() const noexcept { return accepted_; }
  /// Nothing more will arrive; what did may still be untaken.
  [[nodiscard]] bool ended() const noexcept { return closed_ || (eof_ && !stalled_ && !stalled_errors_); }
  /// The remote side closed the channel, or the session is gone; then `failure` says why.
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  [[nodiscard]] const error& failure() const noexcept { return failure_; }
  /// The remote side's last word, once it has come.
  [[nodiscard]] const std::optional<std::vector<std::string>>& trailers() const noexcept { return trailers_; }
  /// True when everything that was sent before the last word has been taken in, too.
  [[nodiscard]] bool is_whole() const noexcept { return !stalled_ && !stalled_errors_; }

  /// From now on frames are waited for, not bytes: matters when a frame is larger than the window.
  void expect_frames(bool yes);
  [[nodiscard]] bool readable();
  [[nodiscard]] bool errors_readable() { return errors_.has_frame(max_frame_); }
  /// Whether a frame is a line here: a stock client's session channel. Thread: any.
  [[nodiscard]] bool by_lines() const noexcept { return lines_ != nullptr; }
  /// All whole frames, perhaps none; `frame_too_large` for good; `truncated` when the stream ended within one.
  result<frames> take_frames();
  bytes take_bytes(std::size_t limit);
  result<frames> take_errors();
  /// Whether something is left that a reader could still take.
  [[nodiscard]] bool untaken() { return !data_.empty() || errors_readable(); }
  /// The reader is done with that many bytes taken before: the remote side may send as many again.
  virtual void consumed(std::size_t count);
  /// A child that was announced is taken in. One that came before CLOSE is, before the channel ends.
  void child_came() noexcept { --coming_; }
  [[nodiscard]] bool has_children_coming() const noexcept { return coming_ != 0; }
  /// Until released.
  void use_by(stream_user& whom) noexcept { user_ = &whom; }
  /// The channel has come to look: it will be told again.
  void seen() noexcept { told_ = false; }

  [[nodiscard]] bool remote_shares_cpu() { return by_.remote_shares_cpu(); }

  // ---- for the channel: what shall leave. Order is kept; nothing is written after `finish` or `close_write`.

  void accept();
  /// Of so many frames, or 0: then it counts as one thing.
  void write(bytes data, std::uint32_t count = 0) { push({std::move(data), count, false}); }
  void write_error(bytes data, std::uint32_t count = 0) { push({std::move(data), count, true}); }
  /// A batch as it travels on this stream: its own image, or lines.
  [[nodiscard]] bytes encode(frames&& batch) const { return by_lines() ? to_lines(batch) : std::move(batch).image(); }
  void close_write();
  void finish(std::vector<std::string> trailers);
  /// The last word to an open that is not kept.
  void refuse(const error& why);
  /// CLOSE, after all that was queued.
  void close();
  /// Drops what is queued; trailers and CLOSE may follow.
  void discard() noexcept;
  /// Bytes queued and not yet given to the session's socket.
  [[nodiscard]] std::size_t queued() const noexcept { return queued_; }
  /// Tells the channel when no more than the low-water mark is queued.
  void ask_when_drained();
  /// The channel actor lets go; from now on the session owns the rest.
  void release();

  /// Adds what waits in it, while a channel uses it.
  void report(channel_loads& to) const;

  // ---- for the carrier: a child goes with its parent, whose CLOSE waits for those of its children

  void become_child_of(stream& parent);
  /// Its CLOSE is out, or will never be.
  void leave_parent();
  void forget_family() noexcept { parent_ = nullptr, children_ = 0; }
  [[nodiscard]] bool is_child_of(const stream& parent) const noexcept { return parent_ == &parent; }
  /// The remote side has opened a child: its channel asks this one's to be kept.
  void announce_child(caf::actor child);
  [[nodiscard]] bool is_child() const noexcept { return parent_ != nullptr; }
  [[nodiscard]] bool has_children() const noexcept { return children_ != 0; }
  /// Whether the remote side may open children of it.
  [[nodiscard]] bool may_have_children() const noexcept { return accepted_ && !closed_ && !send_close_; }
  /// To the channels of its children, once it has been released: they end with it. What the remote side has closed is
  /// left to be read.
  void end_if_child_of(const stream& parent);

 protected:
  struct segment {
    bytes data;
    std::uint32_t frames;
    bool is_error;
  };

  void push(segment what);
  // True when more may be taken from the remote side's window.
  [[nodiscard]] bool has_room();
  // For the last time, at the session's end: who refers to the channel decides how long it lives then. To be let go
  // when the session is in order: that may run its on_exit.
  [[nodiscard]] caf::actor tell_and_leave();
  // Tells the channel actor to look, once until it has.
  void tell();
  // The same where data have come and nothing else has.
  void tell_of_data();
  void drop_sent(std::size_t count);

  carrier& by_;
  caf::actor channel_;
  stream_user* user_ = nullptr;
  std::uint64_t max_frame_, receive_window_, low_water_;

  receive_buffer data_, errors_;
  std::unique_ptr<line_reader> lines_;
  std::size_t unconsumed_ = 0;
  std::optional<std::vector<std::string>> trailers_;
  error failure_;

  std::vector<segment> queue_;  // from head_; a deque would own 576 bytes when empty
  std::size_t head_ = 0, offset_ = 0, queued_ = 0;
  std::optional<std::vector<std::string>> last_word_;
  stream* parent_ = nullptr;
  std::uint32_t children_ = 0, coming_ = 0;

  bool framed_ = false, told_ = false;
  bool stalled_ = false, stalled_errors_ = false;  // the carrier holds bytes for which there was no room
  bool accepted_ = false, eof_ = false, closed_ = false;
  bool send_accept_ = false, send_eof_ = false, send_close_ = false, ask_drained_ = false, released_ = false;
  bool refused_ = false;
};

}  // namespace duplex::transport
