// SPDX-License-Identifier: BSD-2-Clause
#include "actors/peer_actor.hpp"

#include "runtime/scheduler.hpp"
#include "transport/access_watch.hpp"
#include "transport/dialler.hpp"
#include "transport/inherited.hpp"
#include "transport/single_acceptor.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace duplex::detail {
namespace {

caf::error fail(errc code, std::string text) { return to_caf({code, std::move(text)}); }

bool is_inproc(const endpoint& where) { return where.type() == endpoint::kind::inproc; }

constexpr auto binding_limit = std::chrono::seconds{10};  // a host name may have to be looked up

}  // namespace

peer_core::peer_core(caf::actor_config& config, worker* home, options settings, result<key> identity)
    : pinned_actor(config, home),
      settings_(std::make_shared<const options>(std::move(settings))),
      identity_(std::move(identity)) {
  if (auto valid = validate(*settings_); !valid)
    broken_ = valid.error();
  else if (!identity_)
    broken_ = identity_.error();
}

peer_core::behavior_type peer_core::make_behavior() {
  if (!broken_) publish();
  set_down_handler([this](const caf::down_msg& down) { gone(down); });
  return {
      [this](bind_atom, const endpoint& where) { return bind(where); },
      [this](unbind_atom, const endpoint& where) -> caf::result<void> {
        const auto at = listeners_.find(where.str());
        if (at == listeners_.end()) return fail(errc::not_found, "unbind '" + where.str() + "': not bound there");
        auto promise = make_response_promise();
        end_listener(at->second, promise);
        listeners_.erase(at);
        return promise;
      },
      [this](connect_atom, const endpoint& where) { return connect(where); },
      [this](disconnect_atom, const endpoint& where) -> caf::result<void> {
        const auto [first, last] = diallers_.equal_range(where.str());
        if (first == last) return fail(errc::not_found, "disconnect '" + where.str() + "': not connected there");
        for (auto at = first; at != last; ++at) caf::anon_send_exit(at->second, caf::exit_reason::user_shutdown);
        diallers_.erase(first, last);
        settle_opens();
        return caf::unit;
      },
      [this](peers_atom) {
        std::vector<peer_info> list;
        for (const auto& [name, known] : remotes_) list.push_back(known.info);
        return list;
      },
      [this](sessions_atom) { return report_sessions(); },
      [this](self_atom) { return report(); },
      [this](drop_atom, const std::string& name, const std::string& reason) -> caf::result<void> {
        auto found = find_remote(name);
        if (!found) return to_caf(found.error());
        for (const auto& session : (*found)->sessions) caf::anon_send(session, drop_atom_v, reason);
        return caf::unit;
      },
      [this](next_atom) -> caf::result<std::string> {
        if (auto name = turns_.next()) return *name;
        return fail(errc::not_connected, "no remote peer is connected");
      },
      [this](serve_atom, const std::string& name, const caf::actor& acceptor) {
        return register_service(name, acceptor);
      },
      [this](serve_atom, const std::string& name) { return register_service(name, nullptr); },
      [this](accept_atom, const std::string& name) { return accept(name); },
      [this](open_atom, const std::string& to, std::string& service, std::vector<std::string>& headers) {
        return open(to, service, headers);
      },
      [this](ping_atom, const std::string& to) { return ping(to); },
      [this](set_atom, const std::string& name, const std::string& value) { return set_option(name, value); },
      [this](get_atom, const std::string& name) -> caf::result<std::string> {
        auto value = get_option(*settings_, name);
        if (!value) return to_caf(value.error());
        return *value;
      },
      [this](subscribe_atom, const caf::actor& observer) -> caf::result<void> {
        monitor(observer);
        observers_.push_back(observer);
        return caf::unit;
      },
      [this](close_atom) -> caf::result<void> {
        auto promise = make_response_promise();
        leaving_.push_back(promise);
        shut_down(settings_->linger, drain_atom_v);
        return promise;
      },
      [this](attach_atom, const caf::actor& session) {
        monitor(session);
        sessions_[session.id()].actor = session;
        if (shutting_down_) caf::anon_send(session, drain_atom_v);
      },
      [this](up_atom, const caf::actor& session, const transport::session_info_ptr& about) {
        return come_up(session, about);
      },
      [this](incoming_atom, const caf::actor& channel, const std::string& name) { incoming(channel, name); },
      [this](plan_atom) {
        publishing_ = false;
        if (!broken_) publish();
      },
      [this](offer_atom, const caf::actor& session, const std::string& name, std::uint16_t port) {
        offered(session, name, port);
      },
      [this](withdraw_atom, const caf::actor& session, const std::string& name, std::uint16_t port) {
        withdrawn(session, name, port);
      },
      [this](access_atom, const transport::authorized_keys_ptr& list) {
        for (const auto& [id, session] : sessions_) caf::anon_send(session.actor, access_atom_v, list);
      },
      [this](draining_atom, const caf::actor& session, const error& why) {
        auto at = sessions_.find(session.id());
        if (at == sessions_.end()) return;
        at->second.draining = true;
        if (!at->second.listed) return;
        const auto& whom = remotes_.find(label(*at->second.about))->second;
        if (whom.sessions.size() == 1) announce(peer_event::kind::draining, whom.info, {});
        unlist(session, why);
      },
      [this](shutdown_atom, std::chrono::milliseconds left) {
        shut_down(std::min(settings_->linger, left - std::min(left / 4, std::chrono::milliseconds{250})), close_atom_v);
      },
      [this](retry_atom) { settle_opens(); },
      [this](drop_atom) {
        for (const auto& [id, session] : sessions_)
          caf::anon_send(session.actor, drop_atom_v, std::string{"the peer is shutting down"});
      },
  };
}

void peer_core::on_exit() {
  for (const auto& [where, actor] : listeners_) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  for (const auto& [where, actor] : diallers_) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  const auto why = fail(errc::closed, "the peer has ended");
  for (auto& [name, known] : services_) {
    known.queue.end(why);
    while (auto channel = known.queue.next()) caf::anon_send(*channel, close_atom_v);
  }
  for (auto& open : waiting_opens_) open.answer.deliver(why);
  for (auto& promise : leaving_) promise.deliver(caf::unit);
  for (auto& [id, freed] : closing_)
    if (freed.pending()) freed.deliver(why);
  for (const auto& observer : observers_) demonitor(observer.address());  // they may outlive many peers
  for (const auto& [name, known] : services_)
    if (known.acceptor) demonitor(known.acceptor.address());
  listeners_.clear();
  diallers_.clear();
  sessions_.clear();
  remotes_.clear();
  services_.clear();
  waiting_opens_.clear();
  observers_.clear();
  if (access_) caf::anon_send_exit(std::exchange(access_, nullptr), caf::exit_reason::user_shutdown);
  plan_ = nullptr;  // it names this actor
}

// What changes is published as a whole, to those who make sessions and to the sessions there are.
void peer_core::publish() {
  auto names = std::make_shared<transport::served_names>();
  for (const auto& [name, known] : services_)
    if (name.empty())
      names->all_others = true;
    else
      names->names.insert(name);
  for (auto& name : offers_.names()) names->offered.insert(std::move(name));
  transport::channel_factory make_channel =
      [limits = channel_limits{settings_->send_high_water, settings_->max_frame, settings_->accept_queue}](
          caf::actor_system& system, transport::channel_setup setup) {
        return caf::actor_cast<caf::actor>(
            caf::actor_cast<caf::strong_actor_ptr>(system.spawn<channel_core>(std::move(setup), limits)));
      };
  plan_ = std::make_shared<const transport::session_plan>(
      transport::session_plan{settings_, *identity_, self_handle(), std::move(make_channel), names});
  for (const auto& [where, actor] : listeners_) caf::anon_send(actor, plan_atom_v, plan_);
  for (const auto& [where, actor] : diallers_) caf::anon_send(actor, plan_atom_v, plan_);
  for (const auto& [id, session] : sessions_)
    caf::anon_send(session.actor, services_atom_v, transport::served_names_ptr{names});
}

// Once for all changes that wait in the mailbox: a client may offer and withdraw as fast as it can send.
void peer_core::publish_soon() {
  if (!std::exchange(publishing_, true)) caf::anon_send(self_handle(), plan_atom_v);
}

void peer_core::watch_access(std::function<void()> then) {
  if (access_) caf::anon_send_exit(access_, caf::exit_reason::user_shutdown);
  access_ = system().spawn<transport::access_watch>(home(), self_handle(), settings_);
  request(access_, caf::infinite, access_atom_v).then(then, [then](const caf::error&) { then(); });
}

caf::result<endpoint> peer_core::bind(const endpoint& where) {
  if (broken_) return to_caf(broken_);
  if (shutting_down_) return fail(errc::closed, "bind: the peer is shutting down");
  if (where.type() == endpoint::kind::exec)
    return fail(errc::invalid_argument, "bind '" + where.str() + "': a command is run by connect");
  if (!identity_->can_sign())
    return fail(errc::key_file, "bind '" + where.str() + "': the private key of " + identity_->fingerprint() +
                                    " is not at hand, and an agent does not sign for a host");
  if (listeners_.contains(where.str()) || binding_.contains(where.str()))
    return fail(errc::already_exists, "bind '" + where.str() + "': bound there already");
  const bool inherited = where.type() == endpoint::kind::stdio || where.type() == endpoint::kind::fd;
  auto parent = inherited ? transport::parent_key() : transport::authorized_keys_ptr{};
  if (!parent) return fail(parent.error().code(), "bind '" + where.str() + "': " + parent.error().context());
  auto promise = make_response_promise();
  auto made = transport::spawn_acceptor(system(), where, plan_, *parent);
  monitor(made);
  auto asked = where.str();
  if (where.type() != endpoint::kind::tcp || where.number() != 0) binding_.insert(asked);
  request(made, binding_limit, bind_atom_v)
      .then(
          [this, made, promise, asked, only = *parent != nullptr](const endpoint& real) mutable {
            binding_.erase(asked);
            if (shutting_down_) {
              end_listener(made, {});
              return promise.deliver(fail(errc::closed, "bind: the peer is shutting down"));
            }
            listeners_.emplace(real.str(), made);
            if (only) transport::forget_parent_key();
            if (access_ || only || is_inproc(real)) return promise.deliver(real);
            watch_access([promise, real]() mutable { promise.deliver(real); });  // what is wrong is logged first
          },
          [this, promise, made, asked](caf::error& why) mutable {
            binding_.erase(asked);
            caf::anon_send_exit(made, caf::exit_reason::user_shutdown);
            promise.deliver(std::move(why));
          });
  return promise;
}

caf::result<peer_info> peer_core::connect(const endpoint& where) {
  if (broken_) return to_caf(broken_);
  if (shutting_down_) return fail(errc::closed, "connect: the peer is shutting down");
  if (where.type() == endpoint::kind::stdio)
    return fail(errc::invalid_argument, "connect 'stdio:': whoever started this process dials; bind it");
  if (where.type() == endpoint::kind::tcp && where.number() == 0)
    return fail(errc::invalid_argument, "connect '" + where.str() + "': port 0 is for bind only");
  if (diallers_.contains(where.str()))
    return fail(errc::already_exists, "connect '" + where.str() + "': connected there already");
  auto promise = make_response_promise();
  const bool one_only = where.type() == endpoint::kind::exec || where.type() == endpoint::kind::fd;
  caf::actor made;
  for (std::uint64_t i = one_only ? 1 : settings_->sessions; i != 0; --i) {
    if (made) caf::anon_send(made, connect_atom_v);
    made = system().spawn<transport::dialler>(&scheduler::of(system()).next(), where, plan_);
    monitor(made);
    diallers_.emplace(where.str(), made);
  }
  request(made, caf::infinite, connect_atom_v)
      .then(
          [this, promise](const transport::session_info_ptr& about) mutable {
            const auto known = remotes_.find(label(*about));
            if (known == remotes_.end())
              return promise.deliver(fail(errc::connection_lost, "connect: the session ended at once"));
            promise.deliver(known->second.info);
          },
          [promise](caf::error& why) mutable { promise.deliver(std::move(why)); });
  return promise;
}

caf::result<void> peer_core::set_option(const std::string& name, const std::string& value) {
  auto changed = *settings_;
  if (auto set = duplex::set_option(changed, name, value); !set) return to_caf(set.error());
  if (auto valid = validate(changed); !valid) return to_caf(valid.error());
  if (name == "identity") {
    auto loaded = key::from_option(changed.identity, {}, !changed.identity_agent.empty());
    if (!loaded) return to_caf(loaded.error());
    identity_ = std::move(loaded);
  }
  settings_ = std::make_shared<const options>(std::move(changed));
  if (!broken_) publish();
  if (access_ && name == "authorized_keys") watch_access([] {});
  return caf::unit;
}

// ---- the end

// By `drain` channels may go on until linger is over; by `close`, when the runtime ends, they flush and close now.
template <class Verb> void peer_core::shut_down(std::chrono::milliseconds linger, Verb to_sessions) {
  for (const auto& [id, session] : sessions_) caf::anon_send(session.actor, to_sessions);
  if (std::exchange(shutting_down_, true)) return;
  settle_opens();
  for (const auto& [where, actor] : listeners_) end_listener(actor, {});
  listeners_.clear();
  for (const auto& [where, actor] : diallers_) caf::anon_send(actor, drain_atom_v);
  delayed_anon_send(caf::actor_cast<peer_core_actor>(this), linger, drop_atom_v);
  finish_if_empty();
}

// Its endpoint is free when it has ended, not when it has been told to: a bind that follows must find it so.
void peer_core::end_listener(const caf::actor& which, caf::response_promise freed) {
  closing_.emplace(which.id(), std::move(freed));
  caf::anon_send_exit(which, caf::exit_reason::user_shutdown);
}

void peer_core::finish_if_empty() {
  if (shutting_down_ && sessions_.empty() && closing_.empty()) quit(caf::exit_reason::user_shutdown);
}

}  // namespace duplex::detail
