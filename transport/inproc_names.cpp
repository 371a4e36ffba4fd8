// SPDX-License-Identifier: BSD-2-Clause
#include "transport/inproc_names.hpp"

#include <duplex/messages.hpp>

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <mutex>

namespace duplex::transport {
namespace {

// The process's names are global by their nature. Nothing here has a destructor, so that a runtime which is a global
// variable itself may still be stopped.
constinit std::mutex mutex;  // guards the list
constinit inproc_name* first = nullptr;

}  // namespace

inproc_name::inproc_name(std::string name, const caf::actor& listener)
    : name_(std::move(name)), listener_(caf::actor_cast<caf::weak_actor_ptr>(listener)) {}

inproc_name* inproc_name::find(const std::string& name) noexcept {
  auto* at = first;
  while (at != nullptr && at->name_ != name) at = at->next_;
  return at;
}

std::shared_ptr<inproc_name> inproc_name::claim(std::string name, const caf::actor& listener) {
  std::shared_ptr<inproc_name> made{std::unique_ptr<inproc_name>{new inproc_name{std::move(name), listener}}};
  std::lock_guard lock{mutex};
  if (find(made->name_) != nullptr) return nullptr;
  made->next_ = std::exchange(first, made.get());
  made->listed_ = true;
  return made;
}

bool inproc_name::call(const std::string& name, inproc_end_ptr caller) {
  caf::strong_actor_ptr listener;  // let go after the lock: it might be the last reference
  std::lock_guard lock{mutex};     // as long as it is held, the listener's runtime does not stop
  const auto* at = find(name);
  if (at == nullptr || !(listener = at->listener_.lock())) return false;
  caf::anon_send(caf::actor_cast<caf::actor>(listener), accept_atom_v, std::move(caller));
  return true;
}

void inproc_name::release() noexcept {
  std::lock_guard lock{mutex};
  if (!std::exchange(listed_, false)) return;
  auto** at = &first;
  while (*at != this) at = &(*at)->next_;
  *at = next_;
}

}  // namespace duplex::transport
