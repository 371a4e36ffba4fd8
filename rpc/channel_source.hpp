// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/erased.hpp>

#include "rpc/interceptors.hpp"

#include <mutex>

namespace duplex::rpc::detail {

/// *Any thread.* The objects that arrive on a call's own channel. The mutex stands for a mailbox; it is never held
/// while anybody's code runs.
class channel_source final : public source, public std::enable_shared_from_this<channel_source> {
 public:
  /// The frames have ended: whoever made this finds out how, and says so by `end`.
  using at_end = std::function<void(const error&)>;

  channel_source(const item_ops& as, codec_ptr codec, codec_limits limits, at_end ended)
      : as_(as), codec_(std::move(codec)), limits_(limits), ended_by_(std::move(ended)) {}

  /// Reads from there, with handles from there.
  void start(channel from, std::shared_ptr<handles> scope, interceptors* seen_by);
  /// No more objects but those that are here: the end when `why` is ok.
  void end(const rpc::status& why);
  state poll(void* into, waker wake, const executor& on) override;

 private:
  void fetch(std::unique_lock<std::mutex>& lock);
  void arrived(result<frames> batch);

  const item_ops& as_;
  const codec_ptr codec_;
  const codec_limits limits_;
  const at_end ended_by_;

  std::mutex mutex_;  // guards what follows
  channel from_;
  std::shared_ptr<handles> scope_;
  interceptors* seen_by_ = nullptr;
  frames batch_;
  std::optional<rpc::status> end_;
  waker wake_;
  bool reading_ = false, read_all_ = false;
};

}  // namespace duplex::rpc::detail
