// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/handles.hpp>

#include "rpc/call_state.hpp"
#include "rpc/interceptors.hpp"

#include <boost/asio/cancellation_signal.hpp>

#include <atomic>
#include <memory>
#include <mutex>

namespace duplex::rpc::detail {

/// *Any thread.* How many calls of a service run; shared by its methods.
struct load {
  std::string service;
  std::size_t most = 16384;
  std::atomic<std::size_t> running{0};
};

/// *Value.* A call's place among those of its service.
class place {
 public:
  place() = default;
  /// Empty when all are taken.
  static place take(const std::shared_ptr<load>& of);
  place(place&& other) noexcept : in_(std::move(other.in_)) {}
  place& operator=(place&& other) noexcept {
    std::swap(in_, other.in_);
    return *this;
  }
  ~place();
  explicit operator bool() const noexcept { return in_ != nullptr; }

 private:
  explicit place(std::shared_ptr<load> in) : in_(std::move(in)) {}
  std::shared_ptr<load> in_;
};

/// What a call is made of, before it is one.
struct arrival {
  std::string method;
  metadata headers;
  context::clock::time_point deadline;
  std::shared_ptr<const meta> caller;
  codec_ptr codec;
  codec_limits limits;
  bytes arguments;
  executor on;  // of the channel's worker
};

class served : public std::enable_shared_from_this<served> {
 public:
  explicit served(arrival from);
  virtual ~served();

  [[nodiscard]] const context& about() const noexcept { return about_; }
  [[nodiscard]] const codec_ptr& codec() const noexcept { return codec_; }
  [[nodiscard]] const codec_limits& limits() const noexcept { return limits_; }
  [[nodiscard]] const bytes& payload() const noexcept { return arguments_; }
  [[nodiscard]] const executor& on() const noexcept { return on_; }

  /// Whether the caller is the first to end this call; everything else that ends it does nothing then.
  bool claim_end() noexcept { return !ended_.exchange(true); }
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  /// Ends it unless it has ended: the handler's stop token fires, what it awaits is cancelled.
  void stop(const rpc::status& why);
  /// The same from another thread, on the worker where the handler runs.
  void stop_later(rpc::status why);
  /// Gives it to its handler, unless it has ended.
  void begin(servable& target);
  /// After `claim_end`, by the handler.
  void conclude(const rpc::status& how, std::string_view result);
  void run(task<void> handler);

  /// The handler has not seen the arguments, for they are wrong.
  void not_read() noexcept { not_read_ = true; }

  place in;  // until the handler has let go of this, not only until the caller has its answer
  interceptors seen_by;
  std::shared_ptr<handles> received;  // with the arguments

  /// Where a result may be encoded to; what is in it already stays in front.
  virtual std::string& room() = 0;
  /// For what the result carries beside data; null when it cannot.
  virtual std::shared_ptr<handles> outgoing() = 0;
  virtual source_ptr incoming(const item_ops& as) = 0;
  virtual channel bytes_of() = 0;
  /// Writes objects as they come, then ends the call. Throws what ends it early.
  virtual task<void> send_all(source_ptr objects, const item_ops& as) = 0;

  /// Sends the end; `result` is the end of `room()` when the status is ok.
  virtual void send_end(const rpc::status& how, std::string_view result, const metadata& trailers) = 0;

 protected:
  bool not_read_ = false;

 private:
  context about_;
  const codec_ptr codec_;
  const codec_limits limits_;
  const bytes arguments_;
  const executor on_;
  std::atomic<bool> ended_{false};
  // Only on the worker of `on_`:
  std::shared_ptr<boost::asio::cancellation_signal> cancel_;
};

}  // namespace duplex::rpc::detail
