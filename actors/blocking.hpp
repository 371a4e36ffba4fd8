// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/channel.hpp>

#include "runtime/worker.hpp"

#include <future>
#include <memory>

namespace duplex::detail {

/// The completion of the blocking face. A completion that is dropped leaves a broken promise, which `wait` reports.
template <class T> class promised final : public completion<T> {
 public:
  void complete(result<T> outcome) override { promise_.set_value(std::move(outcome)); }
  std::future<result<T>> get_future() { return promise_.get_future(); }

 private:
  std::promise<result<T>> promise_;
};

/// Whether blocking here would keep the very thread that has to do the work.
inline bool on_worker() { return worker::current() != nullptr; }

template <class Op, class Target> result<typename Op::value> wait(const std::shared_ptr<Target>& on, const Op& op) {
  using value = typename Op::value;
  if (!on) return {errc::closed, "an empty handle"};
  if constexpr (std::is_same_v<Target, channel_state>) {
    if (auto outcome = attempt(*on, op)) return std::move(*outcome);
  }
  if (on_worker())
    return {errc::would_deadlock,
            "a blocking call on a worker thread would wait for itself: use the async_ form, or messages"};
  auto done = std::make_unique<promised<value>>();
  auto outcome = done->get_future();
  start(on, op, std::move(done));
  try {
    return outcome.get();
  } catch (const std::future_error&) {
    return {errc::closed, "the runtime has ended"};
  }
}

}  // namespace duplex::detail
