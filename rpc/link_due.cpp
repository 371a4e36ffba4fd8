// SPDX-License-Identifier: BSD-2-Clause
// The call channel: deadlines of the calls of both sides.
#include "rpc/link.hpp"
#include "rpc/rpc_core.hpp"

namespace duplex::rpc::detail {

namespace asio = boost::asio;

// mutex_ held.
void link::watch(clock::time_point due) {
  if (due >= due_) return;
  due_ = due;
  asio::post(core_->on(), [self = weak_from_this()] {
    if (const auto link = self.lock()) link->rearm();
  });
}

void link::rearm() {
  std::unique_lock lock{mutex_};
  if (due_ == clock::time_point::max() || (!ended_.ok() && pending_.empty())) return;
  auto timer = timer_.lock();
  if (!timer) timer_ = timer = std::make_shared<asio::steady_timer>(core_->on());
  timer->expires_at(due_);
  timer->async_wait([timer, self = weak_from_this()](const boost::system::error_code& failed) {
    if (failed) return;
    if (const auto link = self.lock()) link->expire();
  });
}

void link::expire() {
  const auto now = clock::now();
  std::vector<std::pair<std::uint32_t, call_ptr>> late;
  std::vector<served_ptr> stopped;
  std::unique_lock lock{mutex_};
  due_ = clock::time_point::max();
  for (auto at = pending_.begin(); at != pending_.end();) {
    if (at->second->deadline <= now) {
      late.emplace_back(at->first, std::move(at->second));
      at = pending_.erase(at);
    } else {
      due_ = std::min(due_, (at++)->second->deadline);
    }
  }
  for (const auto& [number, call] : serving_) {
    if (call->about().deadline() <= now)
      stopped.push_back(call);
    else
      due_ = std::min(due_, call->about().deadline());
  }
  lock.unlock();
  rearm();
  for (const auto& [number, call] : late) {
    call->settle({.status = {code::deadline_exceeded, call->method + ": the deadline passed"}}, true);
    tell_cancelled(number, *call);
  }
  for (const auto& call : stopped)
    call->stop_later({code::deadline_exceeded, call->about().method() + ": the deadline passed"});
}

}  // namespace duplex::rpc::detail
