// SPDX-License-Identifier: BSD-2-Clause
#include "actors/acceptors.hpp"

namespace duplex::detail {

bool acceptors::wait(completion_ptr<channel> who) {
  std::unique_lock lock{mutex_};
  if (!left_over_.empty()) {
    if (!who->claim()) return false;
    auto given = std::move(left_over_.front());
    left_over_.pop_front();
    lock.unlock();
    who->complete(std::move(given));
    return false;
  }
  std::erase_if(waiting_, [](const auto& each) { return !each->waits(); });
  waiting_.push_back(std::move(who));
  if (requests_ >= waiting_.size()) return false;
  ++requests_;
  return true;
}

void acceptors::answered(result<channel> outcome) {
  std::unique_lock lock{mutex_};
  --requests_;
  while (!waiting_.empty()) {
    auto first = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    if (!first->claim()) continue;
    lock.unlock();
    return first->complete(std::move(outcome));
  }
  if (outcome) left_over_.push_back(std::move(*outcome));
}

}  // namespace duplex::detail
