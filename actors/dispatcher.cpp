// SPDX-License-Identifier: BSD-2-Clause
#include "actors/dispatcher.hpp"

#include <algorithm>

namespace duplex::detail {

void dispatcher::add(std::string_view name) {
  if (std::find(names_.begin(), names_.end(), name) != names_.end()) return;
  // Before the one whose turn it is: the others of this round come first.
  names_.insert(names_.begin() + static_cast<std::ptrdiff_t>(turn_), std::string{name});
  if (names_.size() > 1) ++turn_;
  if (turn_ == names_.size()) turn_ = 0;
}

void dispatcher::remove(std::string_view name) {
  const auto at = std::find(names_.begin(), names_.end(), name);
  if (at == names_.end()) return;
  if (static_cast<std::size_t>(at - names_.begin()) < turn_) --turn_;
  names_.erase(at);
  if (turn_ == names_.size()) turn_ = 0;
}

std::optional<std::string> dispatcher::next() {
  if (names_.empty()) return std::nullopt;
  const auto chosen = turn_;
  turn_ = (turn_ + 1) % names_.size();
  return names_[chosen];
}

}  // namespace duplex::detail
