// SPDX-License-Identifier: BSD-2-Clause
// What the peer says of itself and of its sessions.
#include "actors/peer_actor.hpp"

#include <caf/sec.hpp>

namespace duplex::detail {
namespace {

constexpr auto answer_limit = std::chrono::seconds{1};  // a worker that is busy for longer is what one wants to see

using by_session = std::map<caf::actor_id, session_report>;

session_report describe(const transport::session_info& about) {
  session_report made;
  made.name = about.remote_name;
  made.fingerprint = about.remote_key;
  made.address = about.address;
  made.dialled = !about.dialled.empty();
  made.stock = !about.native;
  made.age = age_of(about.authenticated);
  return made;
}

// The session's age is told anew, after its channels': they are not older than it.
void add_channels(session_report& to, const transport::channel_loads& list, const transport::session_info& about) {
  to.answered = true;
  for (const auto& one : list) {
    auto made = static_cast<const channel_core*>(caf::actor_cast<caf::abstract_actor*>(one.channel))->report();
    made.queued = one.queued;
    made.unread = one.unread;
    to.channels.push_back(std::move(made));
  }
  to.age = age_of(about.authenticated);
}

}  // namespace

caf::result<peer_report> peer_core::report() const {
  if (broken_) return to_caf(broken_);
  peer_report made{settings_->name, identity_->fingerprint(), {}, started_};
  for (const auto& [where, actor] : listeners_) made.endpoints.push_back(where);
  return made;
}

// Each session is asked for its channels; what they are called its channels' actors say, without a message.
caf::result<std::vector<session_report>> peer_core::report_sessions() {
  if (broken_) return to_caf(broken_);
  auto promise = make_response_promise();
  auto found = std::make_shared<by_session>();
  auto open = std::make_shared<std::size_t>(1);  // answers awaited, and the asking itself
  auto settle = [promise, found, open]() mutable {
    if (--*open != 0) return;
    std::vector<session_report> all;
    for (auto& [id, one] : *found) all.push_back(std::move(one));
    promise.deliver(std::move(all));
  };
  for (const auto& [id, known] : sessions_) {
    if (!known.about) continue;
    found->emplace(id, describe(*known.about));
    ++*open;
    request(known.actor, answer_limit, report_atom_v)
        .then(
            [found, settle, id = id, about = known.about](const transport::channel_loads& list) mutable {
              add_channels(found->at(id), list, *about);
              settle();
            },
            [found, settle, id = id](const caf::error& why) mutable {
              if (why != caf::sec::request_timeout) found->erase(id);  // it has ended
              settle();
            });
  }
  settle();
  return promise;
}

}  // namespace duplex::detail
