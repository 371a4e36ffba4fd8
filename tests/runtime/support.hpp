// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "runtime/requester.hpp"
#include "runtime/scheduler.hpp"

#include <duplex/runtime.hpp>

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <catch2/catch.hpp>

#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace duplex::test {

using namespace std::chrono_literals;

// Far above what anything here takes, sanitizers and a busy machine included: a wait that gets there has failed.
inline constexpr auto patience = 60s;

template <class T> T within(std::future<T> what) {
  if (what.wait_for(patience) != std::future_status::ready) throw std::runtime_error("waited in vain");
  return what.get();
}

// Waits on a worker's thread or an actor's, where Catch's macros must not be used.
template <class T> bool comes(const std::shared_future<T>& what) {
  return what.wait_for(patience) == std::future_status::ready;
}

// Runs `what` on a worker and returns what it returns.
template <class F> auto on(detail::worker& where, F what) -> std::invoke_result_t<F&> {
  auto task = std::make_shared<std::packaged_task<std::invoke_result_t<F&>()>>(std::move(what));
  auto future = task->get_future();
  where.post([task] { (*task)(); });
  return within(std::move(future));
}

struct answer {
  caf::error error;
  caf::message content;
};

// Asks an actor from this thread and waits for the answer.
template <class Handle, class... Ts>
answer ask(detail::requester& from, const Handle& to, std::chrono::milliseconds timeout, Ts&&... xs) {
  auto promise = std::make_shared<std::promise<answer>>();
  auto future = promise->get_future();
  from.request(
      caf::actor_cast<caf::strong_actor_ptr>(to), timeout,
      [promise](caf::error e, caf::message m) {
        promise->set_value({std::move(e), std::move(m)});
      },
      std::forward<Ts>(xs)...);
  return within(std::move(future));
}

// Ends when `whom` has ended.
template <class Handle> void await_end(caf::actor_system& system, const Handle& whom) {
  auto ended = std::make_shared<std::promise<void>>();
  auto future = ended->get_future();
  const auto watching = detail::make_requester(system);
  watching->watch(caf::actor_cast<caf::strong_actor_ptr>(whom), [ended](const caf::error&) { ended->set_value(); });
  within(std::move(future));
}

}  // namespace duplex::test
