// SPDX-License-Identifier: BSD-2-Clause
// The peer's opens: to whom they go, and those that wait for a remote peer that is being dialled.
#include "actors/peer_actor.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace duplex::detail {
namespace {

caf::error fail(errc code, std::string text) { return to_caf({code, std::move(text)}); }

}  // namespace

result<peer_core::remote*> peer_core::find_remote(const std::string& name) {
  if (broken_) return broken_;
  const auto chosen = name.empty() ? turns_.next() : std::optional<std::string>{name};
  if (!chosen) return {errc::not_connected, "no remote peer is connected"};
  const auto at = remotes_.find(*chosen);
  if (at == remotes_.end()) return {errc::not_connected, "no session leads to '" + *chosen + "'"};
  return &at->second;
}

caf::actor peer_core::pick(remote& among) { return among.sessions[among.turn++ % among.sessions.size()]; }

caf::result<channel_actor> peer_core::open(const std::string& to, std::string& service,
                                           std::vector<std::string>& headers) {
  if (const auto by = to.empty() ? offers_.next(service) : std::nullopt) {
    auto promise = make_response_promise();
    promise.delegate(by->session, forward_atom_v, std::move(service), by->port, std::string{"127.0.0.1"});
    return promise;
  }
  auto found = find_remote(to);
  if (!found && is_expected()) {
    if (waiting_opens_.size() >= settings_->max_channels)
      return fail(errc::resource_exhausted, "open '" + service + "': " + std::to_string(waiting_opens_.size()) +
                                                " wait for remote peers already (option max_channels)");
    const auto due = std::chrono::steady_clock::now() + settings_->open_timeout;
    auto promise = make_response_promise();
    waiting_opens_.push_back({to, std::move(service), std::move(headers), promise, due});
    delayed_anon_send(caf::actor_cast<peer_core_actor>(this), settings_->open_timeout, retry_atom_v);
    return promise;
  }
  if (!found) return fail(found.error().code(), "open '" + service + "': " + found.error().context());
  auto promise = make_response_promise();
  promise.delegate(pick(**found), open_atom_v, std::move(service), std::move(headers));
  return promise;
}

// Whether some endpoint is being dialled: its peer may turn out to be anybody.
bool peer_core::is_expected() const {
  if (shutting_down_) return false;
  const auto has_session = [&](const std::string& where) {
    return std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& entry) {
      const auto& session = entry.second;  // a draining one must end before its endpoint is dialled again
      return (session.listed || session.draining) && session.about && session.about->dialled == where;
    });
  };
  return std::any_of(diallers_.begin(), diallers_.end(), [&](const auto& entry) { return !has_session(entry.first); });
}

// Somebody has come, or will not come, or it is too late.
void peer_core::settle_opens() {
  if (waiting_opens_.empty()) return;
  const bool expected = is_expected();
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(waiting_opens_, [&](waiting_open& open) {
    if (auto found = find_remote(open.to)) {
      open.answer.delegate(pick(**found), open_atom_v, std::move(open.service), std::move(open.headers));
      return true;
    }
    if (expected && now < open.due) return false;
    const auto whom = open.to.empty() ? std::string{"no remote peer has"} : "'" + open.to + "' has not";
    open.answer.deliver(fail(errc::not_connected, "open '" + open.service + "': " + whom + " connected" +
                                                      (expected ? " within open_timeout" : "")));
    return true;
  });
}

caf::result<ping_report> peer_core::ping(const std::string& to) {
  auto found = find_remote(to);
  if (!found) return to_caf(found.error());
  auto promise = make_response_promise();
  request(pick(**found), settings_->open_timeout, ping_atom_v)
      .then(
          [promise, info = (*found)->info](std::int64_t nanoseconds) mutable {
            promise.deliver(ping_report{info, std::chrono::nanoseconds{nanoseconds}});
          },
          [promise](caf::error& why) mutable { promise.deliver(std::move(why)); });
  return promise;
}

}  // namespace duplex::detail
