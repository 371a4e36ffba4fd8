// SPDX-License-Identifier: BSD-2-Clause
#include "actors/offers.hpp"

#include <algorithm>

namespace duplex::detail {

void offers::add(const std::string& name, offer by) { names_[name].push_back(std::move(by)); }

bool offers::remove(const std::string& name, const offer& by) {
  const auto at = names_.find(name);
  if (at == names_.end() || std::erase(at->second, by) == 0) return false;
  if (at->second.empty()) names_.erase(at);
  return true;
}

bool offers::remove(const caf::actor& session) {
  bool any = false;
  for (auto at = names_.begin(); at != names_.end();) {
    any |= std::erase_if(at->second, [&](const offer& one) { return one.session == session; }) != 0;
    at = at->second.empty() ? names_.erase(at) : std::next(at);
  }
  return any;
}

std::optional<offer> offers::next(std::string_view name) {
  const auto at = names_.find(name);
  if (at == names_.end()) return std::nullopt;
  auto& by = at->second;
  std::rotate(by.begin(), by.begin() + 1, by.end());
  return by.back();
}

std::vector<std::string> offers::names() const {
  std::vector<std::string> all;
  all.reserve(names_.size());
  for (const auto& [name, unused] : names_) all.push_back(name);
  return all;
}

}  // namespace duplex::detail
