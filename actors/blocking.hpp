// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/channel.hpp>

#include "runtime/scheduler.hpp"
#include "runtime/worker.hpp"

#include <boost/asio/io_context.hpp>

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
inline bool on_worker(caf::actor_system& system) {
  if (worker::current() != nullptr) return true;
  const auto* home = scheduler::find(system);  // a handler of the application's runs outside any turn
  return home != nullptr && home->external() != nullptr && home->external()->get_executor().running_in_this_thread();
}

template <class Op, class Target> result<typename Op::value> wait(const std::shared_ptr<Target>& on, const Op& op) {
  using value = typename Op::value;
  if (!on) return {errc::closed, "an empty handle"};
  caf::actor_system* system = nullptr;
  if constexpr (std::is_same_v<Target, channel_state>) {
    if (auto outcome = attempt(*on, op)) return std::move(*outcome);
    if (!on->port->is_over()) system = &on->port->home_system();  // else there may be none, and nothing to wait for
  } else {
    if (on->over) return {errc::closed, "the runtime has ended"};
    system = on->system;
  }
  if (system != nullptr && on_worker(*system))
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
