// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/meta.hpp>
#include <duplex/rpc/status.hpp>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string_view>
#include <type_traits>
#include <utility>

namespace duplex::rpc {

/// As a deadline: none. Has to be said, for the default is 30 s.
inline constexpr std::chrono::milliseconds infinite = std::chrono::milliseconds::max();

namespace detail {
class served;
}

/// What a handler knows of the call beside its arguments: take it as the first parameter, `const context&`. It lives as
/// long as the handler runs, its coroutine or stream included. Thread: one at a time, `stop` from any.
class context {
 public:
  using clock = std::chrono::steady_clock;

  context(std::string method, metadata headers, clock::time_point deadline)
      : method_(std::move(method)), headers_(std::move(headers)), deadline_(deadline) {}
  context(const context&) = delete;
  context& operator=(const context&) = delete;

  /// Fires when nobody waits for the outcome any more: the caller let go, the deadline passed, or the session ended.
  /// What the handler's coroutine awaits is cancelled at the same time.
  [[nodiscard]] std::stop_token stop() const { return stop_.get_token(); }
  /// When the caller gives up; `time_point::max()` for never.
  [[nodiscard]] clock::time_point deadline() const noexcept { return deadline_; }
  /// What is left of it, 0 when it has passed, `infinite` without one.
  [[nodiscard]] std::chrono::milliseconds remaining() const;
  /// "demo.Calc.add"
  [[nodiscard]] const std::string& method() const noexcept { return method_; }
  /// What the caller sent along, `key=value`.
  [[nodiscard]] const metadata& headers() const noexcept { return headers_; }
  /// The value of the first header `key=value`, empty when there is none.
  [[nodiscard]] std::string_view header(std::string_view key) const;
  /// Who calls: name, key, address; see `duplex::meta`. Of a local call everything is empty.
  [[nodiscard]] const meta& caller() const noexcept {
    static const meta nobody;
    return caller_ ? *caller_ : nobody;
  }
  /// Goes back with the status; `call::trailers` has it.
  void add_trailer(std::string item) const { trailers_.push_back(std::move(item)); }
  [[nodiscard]] const metadata& trailers() const noexcept { return trailers_; }

 private:
  friend class detail::served;
  std::string method_;
  metadata headers_;
  clock::time_point deadline_;
  std::shared_ptr<const meta> caller_;
  mutable metadata trailers_;
  std::stop_source stop_;
};

/// How a call is made; the last argument of every call: `calc.add(1, 2, {.deadline = 200ms})`. Views and pointers are
/// followed before the call returns. Of trivial members only: g++ 12 destroys other temporaries within a co_await
/// expression twice.
struct call_options {
  /// From now, in whole milliseconds; both sides enforce it. 0 or less has passed already.
  std::chrono::milliseconds deadline{30'000};
  /// The call of which this one is a part: it ends no later than that, and when that is cancelled.
  const context* within = nullptr;
  /// Goes to the handler, `key=value`: `context::headers`.
  const metadata* headers = nullptr;
  /// Of the peers that serve the method, for `use` without a name: calls with the same key go to the same peer as long
  /// as it lives.
  std::string_view sticky = {};
};
static_assert(std::is_trivially_destructible_v<call_options>);

}  // namespace duplex::rpc
