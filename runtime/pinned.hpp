// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "runtime/worker.hpp"

#include <caf/actor_config.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/resumable.hpp>

#include <utility>

namespace duplex::detail {

/// An actor that runs on one worker only, because it shares that worker's state without a lock.
class pinned {
 public:
  /// The worker that runs this actor; nullptr: any thread (tests under CAF's test_coordinator). Thread: any.
  worker* home() const noexcept { return home_; }

 protected:
  explicit pinned(worker* home) noexcept : home_(home) {}
  ~pinned() = default;

 private:
  worker* home_;
};

/// Pins an actor class. `Base` is caf::event_based_actor or typed_actor<...>::base; construct with the actor_config,
/// the home, then Base's further arguments.
template <class Base> class pinned_actor : public Base, public pinned {
 public:
  template <class... Ts>
  pinned_actor(caf::actor_config& config, worker* home, Ts&&... xs)
      : Base(config, std::forward<Ts>(xs)...), pinned(home) {}

  // Naming the home as the execution unit is all it takes: worker::submit then finds the right queue. No cast, no
  // look-up.
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* unit) override {
    Base::enqueue(std::move(what), home() != nullptr ? home() : unit);
  }
  using Base::enqueue;

  void launch(caf::execution_unit* unit, bool lazy, bool hide) override {
    Base::launch(home() != nullptr ? home() : unit, lazy, hide);
  }

  // The mark by which an overloaded worker knows what it must not give away.
  caf::resumable::subtype_t subtype() const override {
    return home() != nullptr ? caf::resumable::io_actor : Base::subtype();
  }
};

}  // namespace duplex::detail
