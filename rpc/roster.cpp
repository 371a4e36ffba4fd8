// SPDX-License-Identifier: BSD-2-Clause
#include "rpc/roster.hpp"

#include <algorithm>
#include <random>

namespace duplex::rpc::detail {

void roster::begin(const std::vector<peer_info>& there) {
  std::lock_guard lock{mutex_};
  for (const auto& one : there) peers_.try_emplace(one.name).first->second.sessions = one.sessions;
}

void roster::event(const peer_event& what) {
  std::lock_guard lock{mutex_};
  switch (what.what) {
    case peer_event::kind::up:
      peers_[what.peer.name] = {};
      peers_[what.peer.name].sessions = what.peer.sessions;
      break;
    case peer_event::kind::down:
      peers_.erase(what.peer.name);
      break;
    case peer_event::kind::draining:
      if (const auto at = peers_.find(what.peer.name); at != peers_.end()) at->second.leaving = true;
      break;
    case peer_event::kind::ended:
      break;
  }
}

void roster::learn(const std::string& peer, std::set<std::string> methods) {
  std::lock_guard lock{mutex_};
  const auto at = peers_.find(peer);
  if (at == peers_.end()) return;
  at->second.methods = std::move(methods);
  at->second.refused.clear();
}

void roster::refused(const std::string& peer, const std::string& method) {
  std::lock_guard lock{mutex_};
  if (const auto at = peers_.find(peer); at != peers_.end()) at->second.refused.insert(method);
}

std::vector<std::string> roster::serving(const std::string& method, const std::vector<std::string>& except) const {
  std::vector<std::string> names;
  std::lock_guard lock{mutex_};
  for (const auto& [name, of] : peers_) {
    if (of.leaving || of.refused.contains(method)) continue;
    if (of.methods && !of.methods->contains(method)) continue;
    if (std::find(except.begin(), except.end(), name) == except.end()) names.push_back(name);
  }
  return names;
}

std::vector<std::string> roster::live() const {
  std::vector<std::string> names;
  std::lock_guard lock{mutex_};
  for (const auto& [name, of] : peers_)
    if (!of.leaving) names.push_back(name);
  return names;
}

std::string roster::turn(const std::string& method, const std::vector<std::string>& among) {
  std::lock_guard lock{mutex_};
  const auto [last, first_time] = last_.try_emplace(method);
  // Not every client and method begins with the same peer.
  if (first_time) last->second = among[std::random_device{}() % among.size()];
  return last->second = after(among, last->second);
}

std::string after(const std::vector<std::string>& names, const std::string& last) {
  const auto at = std::upper_bound(names.begin(), names.end(), last);
  return at == names.end() ? names.front() : *at;
}

std::vector<std::string> roster::to_ask(clock::time_point now) {
  std::vector<std::string> names;
  std::lock_guard lock{mutex_};
  for (auto& [name, of] : peers_) {
    if (of.leaving || now - of.asked < stale) continue;
    of.asked = now;
    names.push_back(name);
  }
  return names;
}

std::size_t roster::sessions(const std::string& peer) const {
  std::lock_guard lock{mutex_};
  const auto at = peers_.find(peer);
  return at == peers_.end() ? 1 : std::max<std::size_t>(at->second.sessions, 1);
}

void retry_budget::call() {
  std::lock_guard lock{mutex_};
  left_ = std::min(left_ + 0.1, 100.0);
}

bool retry_budget::take() {
  std::lock_guard lock{mutex_};
  if (left_ < 1) return false;
  left_ -= 1;
  return true;
}

}  // namespace duplex::rpc::detail
