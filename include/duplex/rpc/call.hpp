// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/erased.hpp>

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace duplex::rpc {
namespace detail {

/// *Any thread.* Counts who waits for a call's outcome; when nobody does any more the call is dropped.
class interest {
 public:
  interest() = default;
  explicit interest(call_ptr in);
  interest(const interest& other);
  interest(interest&& other) noexcept : in_(std::move(other.in_)) {}
  interest& operator=(interest other) noexcept {
    in_.swap(other.in_);
    return *this;
  }
  ~interest();

  [[nodiscard]] const call_ptr& of() const noexcept { return in_; }

 private:
  call_ptr in_;
};

template <class R> R outcome(call_state& of) {
  if constexpr (std::is_void_v<R>) {
    std::monostate nothing;
    take(of, &nothing);
  } else if constexpr (std::is_same_v<R, channel>) {
    return take_channel(of);
  } else {
    R result{};
    take(of, &result);
    return result;
  }
}

}  // namespace detail

/// A call under way. `co_await` it, `get` it, or give it an Asio token; what did not end with `ok` is thrown as
/// `failure`. The call has started already. Destroyed before its outcome it is cancelled, and the handler's stop token
/// fires. Of a local function a coroutine starts when it is awaited. Thread: one at a time.
template <class R> class [[nodiscard("dropping a call cancels it")]] call : public task<R> {
 public:
  using result_type = R;

  explicit call(detail::call_ptr started) : call(detail::interest{std::move(started)}) {}
  call(call &&) = default;
  call& operator=(call&& other) noexcept {
    if (this == &other) return *this;
    { const auto replaced = std::move(static_cast<task<R>&>(*this)); }  // Asio's move assignment would forget it
    task<R>::operator=(std::move(other));
    in_ = std::move(other.in_);
    return *this;
  }
  /// Of a function in this process.
  explicit call(task<R> local) : task<R>(std::move(local)) {}

  /// Waits for the outcome, at most until the deadline; once. Throws `failure`; `failed_precondition` on a worker, and
  /// of a call that was moved from, or is local and was asked before.
  R get() {
    if (in_.of() != nullptr) {
      detail::wait(in_.of());
      return detail::outcome<R>(*in_.of());
    }
    if (!this->valid()) throw failure{code::failed_precondition, "an empty call: moved from, or asked before"};
    if constexpr (std::is_void_v<R>) {
      detail::run_here(std::move(*this));
    } else {
      std::optional<R> got;
      detail::run_here(detail::store<R>(std::move(*this), &got));
      return std::move(*got);
    }
  }

  /// The outcome for any completion token: `void(std::exception_ptr, R)`, or `void(std::exception_ptr)` without a
  /// result.
  template <class Token> auto async(Token && token)&& {
    const auto executor = boost::asio::get_associated_executor(token);
    return boost::asio::co_spawn(executor, static_cast<task<R>&&>(*this), std::forward<Token>(token));
  }

  /// What the handler sent along with the status, once there is an outcome.
  [[nodiscard]] metadata trailers() const { return in_.of() != nullptr ? detail::trailers_of(*in_.of()) : metadata{}; }
  /// How the call ended, for who would rather not catch; `unknown` before it has.
  [[nodiscard]] rpc::status status() const {
    return in_.of() != nullptr ? detail::status_of(*in_.of()) : rpc::status{code::unknown, "a local call"};
  }

 private:
  explicit call(detail::interest in) : task<R>(wait(in)), in_(std::move(in)) {}
  static task<R> wait(detail::interest in) {
    co_await detail::settled(in.of());
    co_return detail::outcome<R>(*in.of());
  }
  detail::interest in_;
};

}  // namespace duplex::rpc
