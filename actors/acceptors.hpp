// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/channel.hpp>

#include <deque>
#include <mutex>
#include <vector>

namespace duplex::detail {

/// *Any thread.* Those who wait for a channel through one handle, each with a request under way. One that is cancelled
/// leaves its request to whoever accepts next, and so its channel.
class acceptors {
 public:
  /// Completes `who` with a channel that is left over, or has it wait; true when the caller must make a request.
  [[nodiscard]] bool wait(completion_ptr<channel> who);
  /// A request's outcome, for the first who still waits.
  void answered(result<channel> outcome);

 private:
  std::mutex mutex_;  // guards what follows
  std::vector<completion_ptr<channel>> waiting_;
  std::deque<channel> left_over_;
  std::size_t requests_ = 0;  // as many as wait, or more
};

}  // namespace duplex::detail
