// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/erased.hpp>

#include "rpc/interceptors.hpp"

#include <atomic>
#include <mutex>

namespace duplex::rpc::detail {

class link;
class channel_source;

/// How a call came to its end.
struct ending {
  rpc::status status{};
  bytes result{};  // encoded
  metadata trailers{};
  bool not_begun = false;  // the handler has not seen it: another peer may
  bool seen = false;       // the handler has, and said this
};

/// What carries a call to where it is handled.
class carrier {
 public:
  virtual ~carrier() = default;
  /// Nobody waits any more: tell the handler.
  virtual void cancel(std::uint32_t number) = 0;
  /// Its outcome has come, by the channel that it has of its own.
  virtual void settle(std::uint32_t number, ending how) = 0;
};

// The mutex stands for the mailbox that a call does not have; it is never held while anybody's code runs.
class call_state : public std::enable_shared_from_this<call_state> {
 public:
  call_state(std::string method, const signature& of, codec_ptr codec, codec_limits limits)
      : method(std::move(method)), signed_as(of), codec(std::move(codec)), limits(limits) {}

  const std::string method;
  const signature& signed_as;
  const codec_ptr codec;
  const codec_limits limits;
  // Before it starts, by who starts it:
  context::clock::time_point deadline = context::clock::time_point::max();
  metadata headers;
  interceptors seen_by;
  std::unique_ptr<std::stop_callback<std::function<void()>>> within;
  std::shared_ptr<channel_source> objects;  // of a stream's result
  bool keeps_arguments = false;
  bool repeatable = false;  // `arguments` has them all: they carry neither functions nor channels
  std::string arguments;    // encoded, then

  /// The outcome; false when there is one already. A failure goes to `retry` first, unless it is `final`.
  bool settle(ending how, bool final = false);
  /// Who may try again elsewhere, and then says true.
  void retry(std::function<bool(const ending&)> again);
  /// What the call is carried by from now on. False when it is settled already.
  bool carried_by(std::weak_ptr<carrier> by, std::uint32_t number);
  void drop(rpc::status why = {code::cancelled, "the caller let go of it"});
  /// True when settled, else keeps the waker.
  bool wait(waker wake);
  [[nodiscard]] bool settled() const noexcept { return settled_; }
  /// Once settled; the channel of a call that became bytes, and what the result's handles come from.
  void keep(channel ch, std::shared_ptr<handles> scope);
  /// It has a channel of its own, which its end closes. False when it has ended already.
  bool travels_on(const channel& ch);
  void close_channel();
  [[nodiscard]] channel own_channel();
  /// Whether that channel tells it the end of a session: who sends a stream there may wait for something else
  /// meanwhile.
  [[nodiscard]] bool hears_its_end();
  /// The outcome has come on that channel.
  void finish(ending how);

  [[nodiscard]] const ending& how() const noexcept { return how_; }
  channel take_channel();
  [[nodiscard]] handles* scope() const noexcept { return scope_.get(); }

  std::atomic<std::uint32_t> interested{0};

 private:
  std::atomic<bool> settled_{false};  // set under the mutex, once `how_` is there
  std::mutex mutex_;                  // guards what follows
  ending how_;                        // once settled it does not change
  waker waker_;
  std::vector<waker> more_wakers_;  // seldom
  std::function<bool(const ending&)> retry_;
  std::weak_ptr<carrier> carrier_;
  std::uint32_t number_ = 0;
  channel channel_;  // that the call became
  channel own_;
  std::shared_ptr<handles> scope_;
};

/// What an exception means to the other side.
rpc::status status_of(const std::exception_ptr& thrown);

}  // namespace duplex::rpc::detail
