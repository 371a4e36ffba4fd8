// SPDX-License-Identifier: BSD-2-Clause
#pragma once

namespace duplex::detail {

/// What leads into a runtime from outside it, from another runtime of the process for instance, and must lead nowhere
/// once that one has stopped; see scheduler::at_stop.
class stoppable {
 public:
  /// No worker runs any more; what was going to be told to this runtime's actors must not be. Thread: the stopping one.
  virtual void stopped() noexcept = 0;

 protected:
  ~stoppable() = default;
};

}  // namespace duplex::detail
