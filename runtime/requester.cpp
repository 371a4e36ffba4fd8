// SPDX-License-Identifier: BSD-2-Clause
#include "runtime/requester.hpp"

#include <duplex/messages.hpp>

#include <caf/actor_clock.hpp>
#include <caf/attachable.hpp>
#include <caf/detail/sync_request_bouncer.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>
#include <caf/sec.hpp>

#include <algorithm>

namespace duplex::detail {

// Sits in the watched actor's list of those to tell. Attaching is the one way that cannot miss an end: CAF calls it at
// once when the actor is dead already.
class requester::watcher final : public caf::attachable {
 public:
  // CAF's own subtypes are 0 to 3.
  static constexpr std::size_t token_type = 0xd0;
  struct key {
    static constexpr std::size_t token_type = watcher::token_type;
    const requester* owner;
    std::uint64_t id;
  };

  watcher(requester& owner, std::uint64_t id, const void* whom, down on_down)
      : owner_(owner.ctrl()), key_{&owner, id}, whom_(whom), on_down_(std::move(on_down)) {}

  void actor_exited(const caf::error& reason, caf::execution_unit*) override {
    const auto alive = owner_.lock();  // also holds the requester while the callback runs
    if (alive == nullptr || !on_down_) return;
    auto& owner = *static_cast<requester*>(alive->get());
    {
      std::lock_guard lock{owner.mutex_};
      std::erase_if(owner.watched_, [this](const auto& each) { return each.second == key_.id; });
    }
    auto on_down = std::move(on_down_);
    on_down(reason);
    owner.abandon(whom_);
  }

  bool matches(const token& what) override {
    if (what.subtype != token_type) return false;
    const auto& other = *static_cast<const key*>(what.ptr);
    return other.owner == key_.owner && other.id == key_.id;
  }

 private:
  caf::weak_actor_ptr owner_;
  key key_;
  const void* whom_;
  down on_down_;
};

requester::requester(caf::actor_config& config) : caf::monitorable_actor(config) {}

requester::~requester() = default;

caf::message_id requester::add(const caf::strong_actor_ptr& to, std::chrono::milliseconds timeout, reply on_reply) {
  const bool timed = timeout != no_timeout;
  caf::message_id id;
  {
    std::lock_guard lock{mutex_};
    id = caf::make_message_id(++last_id_);
    pending_.emplace(last_id_, entry{std::move(on_reply), to.get(), timed});
  }
  if (timed) {
    auto& clock = home_system().clock();
    clock.set_request_timeout(clock.now() + timeout, this, id.response_id());
  }
  return id;
}

void requester::deliver(const caf::strong_actor_ptr& to, caf::mailbox_element_ptr what) {
  if (to != nullptr)
    to->enqueue(std::move(what), nullptr);  // nullptr: the scheduler knows this thread better than we do
  else
    caf::detail::sync_request_bouncer{caf::make_error(caf::sec::request_receiver_down)}(*what);
}

void requester::enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) {
  if (what->mid.is_response())
    complete(*what);
  else
    on_message(*what);
}

void requester::complete(caf::mailbox_element& answer) {
  reply on_reply;
  bool timed = false;
  {
    std::lock_guard lock{mutex_};
    auto found = pending_.find(answer.mid.request_id().integer_value());
    if (found == pending_.end()) return;  // too late: the time-out was faster
    on_reply = std::move(found->second.on_reply);
    timed = found->second.timed;
    pending_.erase(found);
  }
  if (timed)
    home_system().clock().cancel_request_timeout(
        this, caf::make_message_id(answer.mid.request_id().integer_value()).response_id());
  auto content = answer.move_content_to_message();
  if (content.match_elements<caf::error>())
    on_reply(std::move(content.get_mutable_as<caf::error>(0)), caf::message{});
  else
    on_reply(caf::error{}, std::move(content));
}

void requester::abandon(const void* receiver) {
  std::vector<std::pair<std::uint64_t, entry>> lost;
  {
    std::lock_guard lock{mutex_};
    for (auto i = pending_.begin(); i != pending_.end();)
      if (i->second.receiver == receiver) {
        lost.emplace_back(i->first, std::move(i->second));
        i = pending_.erase(i);
      } else {
        ++i;
      }
  }
  for (auto& [id, each] : lost) {
    if (each.timed) home_system().clock().cancel_request_timeout(this, caf::make_message_id(id).response_id());
    each.on_reply(caf::make_error(caf::sec::request_receiver_down), caf::message{});
  }
}

void requester::on_message(caf::mailbox_element& what) {
  if (what.mid.is_request() && what.sender != nullptr)
    what.sender->enqueue(ctrl(), what.mid.response_id(),
                         caf::make_message(caf::make_error(caf::sec::unexpected_message)), nullptr);
}

std::size_t requester::pending() {
  std::lock_guard lock{mutex_};
  return pending_.size();
}

void requester::watch(const caf::strong_actor_ptr& whom, down on_down) {
  if (whom == nullptr) return on_down(caf::make_error(caf::exit_reason::unknown));
  std::uint64_t id = 0;
  {
    std::lock_guard lock{mutex_};
    id = ++last_id_;
    watched_.emplace_back(caf::weak_actor_ptr{whom.get()}, id);
  }
  whom->get()->attach(std::make_unique<watcher>(*this, id, whom.get(), std::move(on_down)));
}

void requester::on_destroy() {
  decltype(watched_) watched;
  decltype(pending_) pending;
  {
    std::lock_guard lock{mutex_};
    watched.swap(watched_);
    pending.swap(pending_);
  }
  for (auto& [whom, id] : watched)
    if (auto target = whom.lock()) {
      const watcher::key key{this, id};
      target->get()->detach(caf::attachable::token{key});
    }
  for (auto& [id, each] : pending) each.on_reply(to_caf({errc::closed, "the handle was released"}), caf::message{});
  cleanup(caf::make_error(caf::exit_reason::normal), nullptr);  // tells who monitors or links to the handle
}

}  // namespace duplex::detail
