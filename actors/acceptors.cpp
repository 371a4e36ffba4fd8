// SPDX-License-Identifier: BSD-2-Clause
#include "actors/acceptors.hpp"

namespace duplex::detail {

bool acceptors::wait(completion_ptr<channel> who) {
  std::unique_lock lock{mutex_};
  if (left_over_) {
    if (!who->claim()) return false;
    auto given = *std::exchange(left_over_, std::nullopt);
    lock.unlock();
    who->complete(std::move(given));
    return false;
  }
  std::erase_if(waiting_, [](const auto& each) { return !each->waits(); });
  waiting_.push_back(std::move(who));
  return !std::exchange(asking_, true);
}

bool acceptors::answered(result<channel> outcome) {
  std::unique_lock lock{mutex_};
  while (!waiting_.empty()) {
    auto first = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    if (!first->claim()) continue;
    const bool more = asking_ = !waiting_.empty();
    lock.unlock();
    first->complete(std::move(outcome));
    return more;
  }
  asking_ = false;
  if (outcome) left_over_ = std::move(*outcome);
  return false;
}

}  // namespace duplex::detail
