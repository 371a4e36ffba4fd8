// SPDX-License-Identifier: BSD-2-Clause
#include "runtime/clock.hpp"

#include "runtime/worker.hpp"

#include <caf/abstract_actor.hpp>
#include <caf/actor_control_block.hpp>

#include <unordered_map>
#include <vector>

namespace duplex::detail {

clock::clock(worker& where) : worker_(where), timer_(where.context()) {}

void clock::set_ordinary_timeout(time_point due, caf::abstract_actor* self, caf::atom_value type, uint64_t id) {
  std::lock_guard lock{mutex_};
  if (down_) return;
  simple_actor_clock::set_ordinary_timeout(due, self, type, id);
  rearm();
}

void clock::set_multi_timeout(time_point due, caf::abstract_actor* self, caf::atom_value type, uint64_t id) {
  std::lock_guard lock{mutex_};
  if (down_) return;
  simple_actor_clock::set_multi_timeout(due, self, type, id);
  rearm();
}

void clock::set_request_timeout(time_point due, caf::abstract_actor* self, caf::message_id id) {
  std::lock_guard lock{mutex_};
  if (down_) return;
  simple_actor_clock::set_request_timeout(due, self, id);
  rearm();
}

void clock::cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) {
  std::lock_guard lock{mutex_};
  simple_actor_clock::cancel_ordinary_timeout(self, type);
  disarm();
}

void clock::cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) {
  std::lock_guard lock{mutex_};
  simple_actor_clock::cancel_request_timeout(self, id);
  disarm();
}

void clock::cancel_timeouts(caf::abstract_actor* self) {
  std::lock_guard lock{mutex_};
  simple_actor_clock::cancel_timeouts(self);
  disarm();
}

void clock::schedule_message(time_point due, caf::strong_actor_ptr receiver, caf::mailbox_element_ptr content) {
  std::lock_guard lock{mutex_};
  if (down_) return;
  simple_actor_clock::schedule_message(due, std::move(receiver), std::move(content));
  rearm();
}

void clock::schedule_message(time_point due, caf::group target, caf::strong_actor_ptr sender, caf::message content) {
  std::lock_guard lock{mutex_};
  if (down_) return;
  simple_actor_clock::schedule_message(due, std::move(target), std::move(sender), std::move(content));
  rearm();
}

void clock::cancel_all() {
  // Destroyed outside the lock: an event's destructor may end an actor, which comes back to cancel its time-outs.
  schedule_map events;
  actor_lookup_map lookup;
  std::lock_guard lock{mutex_};
  events.swap(schedule_);
  lookup.swap(actor_lookup_);
  armed_ = false;
  timer_.cancel();
}

void clock::release_unreachable() {
  std::vector<unique_delayed_event_ptr> released;  // destroyed outside the lock, as in cancel_all
  std::lock_guard lock{mutex_};
  const auto holder = [](const delayed_event& of) {
    return of.subtype == request_timeout_type ? static_cast<const request_timeout&>(of).self.get() : nullptr;
  };
  std::unordered_map<const caf::actor_control_block*, std::size_t> held;
  for (const auto& [due, event] : schedule_)
    if (const auto* actor = holder(*event)) ++held[actor];
  for (auto i = schedule_.begin(); i != schedule_.end();) {
    const auto* actor = holder(*i->second);
    if (actor == nullptr || actor->strong_refs != held[actor]) {
      ++i;
      continue;
    }
    if (i->second->backlink != actor_lookup_.end()) actor_lookup_.erase(i->second->backlink);
    released.push_back(std::move(i->second));
    i = schedule_.erase(i);
  }
  disarm();
}

void clock::shutdown() {
  {
    std::lock_guard lock{mutex_};
    down_ = true;
  }
  cancel_all();
}

bool clock::has_handlers_pending() {
  std::lock_guard lock{mutex_};
  return waits_ > 0;
}

std::uint64_t clock::arms() {
  std::lock_guard lock{mutex_};
  return arms_;
}

void clock::rearm() {
  if (schedule_.empty()) return;
  const auto due = schedule_.begin()->first;
  if (armed_ && armed_at_ <= due) return;
  armed_ = true;
  armed_at_ = due;
  ++arms_;
  ++waits_;
  timer_.expires_at(due);
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    run_scope turn{worker_};
    if (!cancelled) return fire();
    std::lock_guard lock{mutex_};
    --waits_;
  });
}

void clock::disarm() {
  // A pending timer is work to Asio. Threads of ours have work guards anyway; there the timer stays, which is cheaper.
  if (!armed_ || !schedule_.empty() || worker_.owns_context()) return;
  armed_ = false;
  timer_.cancel();
}

void clock::fire() {
  std::vector<unique_delayed_event_ptr> due;
  {
    std::lock_guard lock{mutex_};
    --waits_;
    armed_ = false;
    const auto time = now();
    for (auto i = schedule_.begin(); i != schedule_.end() && i->first <= time;) {
      if (i->second->backlink != actor_lookup_.end()) actor_lookup_.erase(i->second->backlink);
      due.push_back(std::move(i->second));
      i = schedule_.erase(i);
    }
    rearm();
  }
  for (auto& event : due)  // outside the lock: a requester's callback may ask for the next time-out
    ship(*event);
}

}  // namespace duplex::detail
