// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/operations.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

// How an operation that was started with a completion token begins, and its outcome or a cancellation reaches the
// handler; for the library.

namespace duplex::detail {

// The completion whose operation is being started on this thread: it must not run its handler yet.
inline thread_local const void* starting = nullptr;

// `work`: what keeps the handler's context running until then, if nothing else does.
template <class T, class Handler, class Work>
void deliver(Handler& handler, result<T> outcome, Work work, bool may_run_here) {
  auto executor = boost::asio::get_associated_executor(handler);
  auto run = [handler = std::move(handler), outcome = std::move(outcome), work = std::move(work)]() mutable {
    std::move(handler)(std::move(outcome));
  };
  if (may_run_here)
    boost::asio::dispatch(executor, std::move(run));
  else
    boost::asio::post(executor, std::move(run));
}

template <class T, class Handler> class handler_completion final : public completion<T> {
 public:
  explicit handler_completion(Handler handler)
      : handler_(std::move(handler)), work_(boost::asio::make_work_guard(handler_)) {}

  void complete(result<T> outcome) override { deliver(handler_, std::move(outcome), nullptr, starting != this); }

 private:
  Handler handler_;
  boost::asio::executor_work_guard<boost::asio::associated_executor_t<Handler>> work_;
};

/// *Any thread.* A handler for which its operation and a cancellation race: whoever claims it calls or drops it.
template <class T, class Handler> class contended {
 public:
  explicit contended(Handler handler) : handler_(std::move(handler)), work_(boost::asio::make_work_guard(*handler_)) {}

  bool claim() noexcept { return !claimed_.exchange(true); }
  [[nodiscard]] bool is_claimed() const noexcept { return claimed_.load(); }
  void call(result<T> outcome, bool may_run_here) {
    auto handler = std::move(*handler_);
    handler_.reset();
    deliver(handler, std::move(outcome), std::move(work_), may_run_here);
  }
  void drop() noexcept {
    handler_.reset();
    work_.reset();
  }

 private:
  std::optional<Handler> handler_;
  boost::asio::executor_work_guard<boost::asio::associated_executor_t<Handler>> work_;
  std::atomic<bool> claimed_{false};
};

template <class T, class Handler> class cancellable_completion final : public completion<T> {
 public:
  explicit cancellable_completion(std::shared_ptr<contended<T, Handler>> handler) : handler_(std::move(handler)) {}
  cancellable_completion(const cancellable_completion&) = delete;
  cancellable_completion& operator=(const cancellable_completion&) = delete;
  // Nobody will complete it; and the slot, which may be the handler's own, must not keep it.
  ~cancellable_completion() override {
    if (claimed_ || handler_->claim()) handler_->drop();
  }

  void complete(result<T> outcome) override {
    if (std::exchange(claimed_, false) || handler_->claim())
      handler_->call(std::move(outcome), starting != handler_.get());
  }
  bool claim() noexcept override { return claimed_ = handler_->claim(); }
  [[nodiscard]] bool waits() const noexcept override { return claimed_ || !handler_->is_claimed(); }

 private:
  std::shared_ptr<contended<T, Handler>> handler_;
  bool claimed_ = false;  // by this
};

struct initiation {
  template <class Handler, class Target, class Op>
  void operator()(Handler&& handler, const std::shared_ptr<Target>& on, const Op& op) const {
    using value = typename Op::value;
    using handler_type = std::decay_t<Handler>;
    auto slot = boost::asio::get_associated_cancellation_slot(handler);
    if (!slot.is_connected()) {
      auto done = std::make_unique<handler_completion<value, handler_type>>(std::forward<Handler>(handler));
      const auto* self = done.get();
      return begin<value>(on, op, std::move(done), self);
    }
    const auto waiting = std::make_shared<contended<value, handler_type>>(std::forward<Handler>(handler));
    // Posted, never run here: who cancels is in the middle of something.
    slot.assign([waiting](boost::asio::cancellation_type) {
      if (waiting->claim()) waiting->call({errc::cancelled, "nobody waits for it any more"}, false);
    });
    begin<value>(on, op, std::make_unique<cancellable_completion<value, handler_type>>(waiting), waiting.get());
  }

 private:
  template <class T, class Target, class Op>
  static void begin(const std::shared_ptr<Target>& on, const Op& op, completion_ptr<T> done, const void* self) {
    const auto* before = std::exchange(starting, self);
    if (on)
      start(on, op, std::move(done));
    else
      done->complete({errc::closed, "an empty handle"});
    starting = before;
  }
};

}  // namespace duplex::detail
