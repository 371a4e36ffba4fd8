// SPDX-License-Identifier: BSD-2-Clause
#pragma once

namespace duplex::detail {

/// What leads into a runtime from outside it, a handle or another runtime of the process, and must lead nowhere once
/// that one has stopped; see scheduler::at_stop.
class stoppable {
 public:
  /// The peers have ended, the workers still run: what would keep an actor for ever is let go. Thread: the stopping
  /// one.
  virtual void stopping() noexcept {}
  /// No worker runs any more; what is sent to this runtime's actors now ends them, what comes later must not be sent.
  /// Thread: the stopping one.
  virtual void stopped() noexcept = 0;

 protected:
  ~stoppable() = default;
};

}  // namespace duplex::detail
