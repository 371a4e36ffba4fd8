// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/channel.hpp>

#include <mutex>
#include <optional>
#include <vector>

namespace duplex::detail {

/// *Any thread.* Those who wait for a channel through one handle. One request at a time is under way for all of them,
/// and stays so when who made it is cancelled: its channel is for whoever accepts next.
class acceptors {
 public:
  /// Completes `who` with a channel that is left over, or has it wait; true when the caller must make a request.
  [[nodiscard]] bool wait(completion_ptr<channel> who);
  /// The request's outcome, for the first who still waits; true when the caller must make another.
  [[nodiscard]] bool answered(result<channel> outcome);

 private:
  std::mutex mutex_;  // guards what follows
  std::vector<completion_ptr<channel>> waiting_;
  std::optional<channel> left_over_;
  bool asking_ = false;
};

}  // namespace duplex::detail
