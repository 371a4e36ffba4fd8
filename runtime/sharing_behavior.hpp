// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <caf/execution_unit.hpp>
#include <caf/resumable.hpp>

#include <cstddef>
#include <utility>

namespace duplex::detail {

/// Lets all actors of a class share one behavior, whose handlers are `calls<&Actor::member>`. CAF makes a behavior for
/// each actor; for the 26 handlers of a channel that is 1.1 kB, as much as the actor itself. `Base` is the actor class
/// to derive from; handlers run within resume(), where `running` says whose turn it is on this thread.
template <class Actor, class Base> class sharing_behavior : public Base {
 public:
  using Base::Base;

  caf::resumable::resume_result resume(caf::execution_unit* on, std::size_t max_throughput) override {
    // Another actor's turn may run within a handler: what a completion of the application's calls may run its
    // io_context.
    const turn mine{static_cast<Actor*>(this)};
    return Base::resume(on, max_throughput);
  }

  /// Whose turn it is. Thread: within a handler of an Actor.
  static Actor& running() noexcept { return *running_; }

 private:
  struct turn {
    explicit turn(Actor* now) noexcept : before(std::exchange(running_, now)) {}
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    ~turn() { running_ = before; }
    Actor* before;
  };
  static inline thread_local Actor* running_ = nullptr;
};

template <auto Member> struct calls;

/// A handler of a shared behavior.
template <class Actor, class Result, class... Ts, Result (Actor::*Member)(Ts...)> struct calls<Member> {
  Result operator()(Ts... xs) const { return (Actor::running().*Member)(std::forward<Ts>(xs)...); }
};

}  // namespace duplex::detail
