// SPDX-License-Identifier: BSD-2-Clause
// The peer's remote peers: who is connected, under which name, and whose turn it is.
#include "actors/peer_actor.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace duplex::detail {
namespace {

caf::error fail(error why) { return to_caf(why); }
caf::error fail(errc code, std::string text) { return to_caf({code, std::move(text)}); }

// How long an instance may leave a ping unanswered before another one with the same key takes its name.
constexpr auto silence = std::chrono::seconds{1};

}  // namespace

std::string peer_core::label(const transport::session_info& about) {
  if (!about.remote_name.empty()) return about.remote_name;
  return about.dialled.empty() ? about.link : about.dialled;
}

// A session is authenticated, or, when `native`, has said hello and wants to be known under its name.
caf::result<void> peer_core::come_up(const caf::actor& session, const transport::session_info_ptr& about) {
  const auto at = sessions_.find(session.id());
  if (at == sessions_.end()) return fail(errc::closed, "the session has ended");
  const auto name = label(*about);
  if (!about->native || name.empty()) {  // a stock client, or a nameless one: nobody opens to it
    at->second.about = about;
    return caf::unit;
  }
  const auto known = remotes_.find(name);
  if (known != remotes_.end() && known->second.info.fingerprint != about->remote_key) return fail(held(known->second));
  if (known != remotes_.end() && known->second.instance != about->instance) return replace(session, about);
  list(session, about);
  return caf::unit;
}

error peer_core::held(const remote& by) {
  return {errc::already_exists,
          "the name '" + by.info.name + "' is held by " + by.info.fingerprint + " at " + by.info.address};
}

void peer_core::list(const caf::actor& session, const transport::session_info_ptr& about) {
  const auto name = label(*about);
  auto known = remotes_.find(name);
  const bool first = known == remotes_.end();
  if (first) {
    const peer_info info{name, about->remote_key, about->address, about->version, 0};
    known = remotes_.emplace(name, remote{info, about->instance, {}, 0}).first;
    turns_.add(name);
  }
  auto& whom = known->second;
  whom.sessions.push_back(session);
  whom.info.sessions = static_cast<std::uint32_t>(whom.sessions.size());
  auto& made = sessions_[session.id()];
  made.about = about;
  made.listed = true;
  if (first) announce(peer_event::kind::up, whom.info, {});
  if (!waiting_opens_.empty()) caf::anon_send(self_handle(), retry_atom_v);  // once the session has heard of it
}

// Another process with the same key claims the name: a restarted one, whose old connection may be dead without anybody
// having noticed, or a second one. The old one is asked; only when it stays silent the new one takes its place.
caf::result<void> peer_core::replace(const caf::actor& session, const transport::session_info_ptr& about) {
  const auto name = label(*about);
  const auto& old = remotes_.find(name)->second;
  struct inquiry {
    std::size_t open;
    std::string instance;
    bool alive = false;
  };
  auto asked = std::make_shared<inquiry>(inquiry{old.sessions.size(), old.instance});
  auto promise = make_response_promise();
  auto answered = [this, session, about, name, asked, promise](bool alive) mutable {
    asked->alive |= alive;
    if (--asked->open != 0) return;
    const auto known = remotes_.find(name);
    if (!sessions_.contains(session.id())) return promise.deliver(fail(errc::closed, "the session has ended"));
    // What another claim did meanwhile counts: the first of two new instances has it.
    if (known != remotes_.end() && (asked->alive || known->second.instance != asked->instance) &&
        known->second.instance != about->instance)
      return promise.deliver(fail(held(known->second)));
    if (known != remotes_.end() && known->second.instance == asked->instance)
      for (const auto& silent : std::vector{known->second.sessions}) {
        unlist(silent, {errc::connection_lost, "another instance of it has taken its place"});
        caf::anon_send(silent, drop_atom_v, "another instance of '" + name + "' has taken its place");
      }
    list(session, about);
    promise.deliver(caf::unit);
  };
  for (const auto& silent : old.sessions)
    request(silent, silence, ping_atom_v)
        .then([answered](std::int64_t) mutable { answered(true); },
              [answered](const caf::error&) mutable { answered(false); });
  return promise;
}

void peer_core::unlist(const caf::actor& session, const error& why) {
  const auto at = sessions_.find(session.id());
  if (at == sessions_.end() || !std::exchange(at->second.listed, false)) return;
  const auto name = label(*at->second.about);
  const auto known = remotes_.find(name);
  if (known == remotes_.end()) return;
  auto& whom = known->second;
  std::erase(whom.sessions, session);
  whom.info.sessions = static_cast<std::uint32_t>(whom.sessions.size());
  if (!whom.sessions.empty()) {
    whom.info.address = sessions_.at(whom.sessions.front().id()).about->address;
    return;
  }
  turns_.remove(name);
  const auto info = whom.info;
  remotes_.erase(known);
  announce(peer_event::kind::down, info, why ? why : error{errc::closed, "the remote peer is leaving"});
}

void peer_core::gone(const caf::down_msg& down) {
  const auto id = down.source.id();
  if (const auto at = sessions_.find(id); at != sessions_.end()) {
    unlist(at->second.actor, from_caf(down.reason));
    if (offers_.remove(at->second.actor)) publish_soon();
    sessions_.erase(at);
    return finish_if_empty();
  }
  if (const auto at = closing_.find(id); at != closing_.end()) {
    if (at->second.pending()) at->second.deliver(caf::unit);
    closing_.erase(at);
    return finish_if_empty();
  }
  for (auto* const list : {&listeners_, &diallers_})
    std::erase_if(*list, [&](const auto& entry) {
      if (entry.second.id() != id) return false;
      if (list->count(entry.first) == 1)
        announce(peer_event::kind::ended, {entry.first, {}, entry.first, {}, 0}, from_caf(down.reason));
      return true;
    });
  settle_opens();
  std::erase_if(observers_, [&](const auto& observer) { return observer.id() == id; });
  const auto served = std::erase_if(
      services_, [&](const auto& entry) { return entry.second.acceptor && entry.second.acceptor.id() == id; });
  if (served != 0) publish();
}

void peer_core::announce(peer_event::kind what, const peer_info& whom, const error& why) {
  if (settings_->log) {
    static constexpr const char* words[] = {" is up", " is down", " is draining", " is over"};
    settings_->log({log_record::level::info, "peer",
                    "'" + whom.name + "'" + (whom.fingerprint.empty() ? "" : " (" + whom.fingerprint + ")") +
                        words[static_cast<int>(what)] + (why ? ": " + why.message() : "")});
  }
  for (const auto& observer : observers_) caf::anon_send(observer, event_atom_v, peer_event{what, whom, why});
}

}  // namespace duplex::detail
