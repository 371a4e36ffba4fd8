// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/erased.hpp>

#include <memory>
#include <mutex>
#include <vector>

namespace duplex::rpc::detail {

/// *Any thread.* Counts channels that have come with a call, until they have ended: they are children of the call's
/// channel, which must not end before them. The mutex stands for a mailbox; nobody's code runs under it.
class living {
 public:
  static std::shared_ptr<living> of(const std::vector<channel>& these);
  /// True when all have ended, else keeps the waker.
  bool none(waker wake);

 private:
  void ended();
  std::mutex mutex_;  // guards what follows
  std::size_t count_ = 0;
  std::vector<waker> wakers_;
};

/// Until they have ended.
task<void> all_ended(std::shared_ptr<living> these);
/// Until the other side has closed the channel: what it opens there meanwhile is not wanted.
task<void> closed_there(channel ch);
/// Sends channels after a message that tells how many come; throws `failure`.
task<void> send_channels(channel over, std::vector<channel> these);
/// Takes as many, fewer if the other side closes.
task<std::vector<channel>> take_channels(channel from, std::uint64_t count);

}  // namespace duplex::rpc::detail
