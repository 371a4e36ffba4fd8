// SPDX-License-Identifier: BSD-2-Clause
#include "actors/peer_actor.hpp"

#include "runtime/scheduler.hpp"
#include "transport/dialler.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace duplex::detail {
namespace {

caf::error fail(errc code, std::string text) { return to_caf({code, std::move(text)}); }

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
        caf::anon_send_exit(at->second, caf::exit_reason::user_shutdown);
        listeners_.erase(at);
        return caf::unit;
      },
      [this](connect_atom, const endpoint& where) { return connect(where); },
      [this](disconnect_atom, const endpoint& where) -> caf::result<void> {
        const auto at = diallers_.find(where.str());
        if (at == diallers_.end())
          return fail(errc::not_found, "disconnect '" + where.str() + "': not connected there");
        caf::anon_send_exit(at->second, caf::exit_reason::user_shutdown);
        diallers_.erase(at);
        return caf::unit;
      },
      [this](peers_atom) {
        std::vector<peer_info> list;
        for (const auto& [name, known] : remotes_) list.push_back(known.info);
        return list;
      },
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
      [this](draining_atom, const caf::actor& session) {
        auto at = sessions_.find(session.id());
        if (at == sessions_.end()) return;
        at->second.draining = true;
        if (!at->second.about) return;
        const auto known = remotes_.find(label(*at->second.about));
        if (known != remotes_.end()) announce(peer_event::kind::draining, known->second.info, {});
        unlist(session, {});
      },
      [this](shutdown_atom, std::chrono::milliseconds left) {
        shut_down(std::min(settings_->linger, left - std::min(left / 4, std::chrono::milliseconds{250})), close_atom_v);
      },
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
    for (auto& waiting : known.acceptors) waiting.deliver(why);
    for (auto& channel : known.queue) caf::anon_send(channel, close_atom_v);
  }
  for (auto& promise : leaving_) promise.deliver(caf::unit);
  listeners_.clear();
  diallers_.clear();
  sessions_.clear();
  remotes_.clear();
  services_.clear();
  observers_.clear();
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
  transport::channel_factory make_channel = [high = settings_->send_high_water, limit = settings_->max_frame](
                                                caf::actor_system& system, transport::channel_setup setup) {
    return caf::actor_cast<caf::actor>(
        caf::actor_cast<caf::strong_actor_ptr>(system.spawn<channel_core>(std::move(setup), high, limit)));
  };
  plan_ = std::make_shared<const transport::session_plan>(
      transport::session_plan{settings_, *identity_, self_handle(), std::move(make_channel), names});
  for (const auto& [where, actor] : listeners_) caf::anon_send(actor, plan_atom_v, plan_);
  for (const auto& [where, actor] : diallers_) caf::anon_send(actor, plan_atom_v, plan_);
  for (const auto& [id, session] : sessions_)
    caf::anon_send(session.actor, services_atom_v, transport::served_names_ptr{names});
}

caf::result<endpoint> peer_core::bind(const endpoint& where) {
  if (broken_) return to_caf(broken_);
  if (shutting_down_) return fail(errc::closed, "bind: the peer is shutting down");
  if (!identity_->can_sign())
    return fail(errc::key_file, "bind '" + where.str() + "': the private key of " + identity_->fingerprint() +
                                    " is not at hand, and an agent does not sign for a host");
  if (where.type() != endpoint::kind::tcp)
    return fail(errc::unsupported, "bind '" + where.str() + "': this version listens on tcp only");
  if (listeners_.contains(where.str()))
    return fail(errc::already_exists, "bind '" + where.str() + "': bound there already");
  auto promise = make_response_promise();
  auto made = system().spawn<transport::listener>(&scheduler::of(system()).next(), where, plan_);
  request(made, binding_limit, bind_atom_v)
      .then(
          [this, made, promise](const endpoint& real) mutable {
            listeners_.emplace(real.str(), made);
            promise.deliver(real);
          },
          [promise, made](caf::error& why) mutable {
            caf::anon_send_exit(made, caf::exit_reason::user_shutdown);
            promise.deliver(std::move(why));
          });
  return promise;
}

caf::result<peer_info> peer_core::connect(const endpoint& where) {
  if (broken_) return to_caf(broken_);
  if (shutting_down_) return fail(errc::closed, "connect: the peer is shutting down");
  if (where.type() != endpoint::kind::tcp)
    return fail(errc::unsupported, "connect '" + where.str() + "': this version dials tcp only");
  if (where.number() == 0)
    return fail(errc::invalid_argument, "connect '" + where.str() + "': port 0 is for bind only");
  if (diallers_.contains(where.str()))
    return fail(errc::already_exists, "connect '" + where.str() + "': connected there already");
  auto promise = make_response_promise();
  auto made = system().spawn<transport::dialler>(&scheduler::of(system()).next(), where, plan_);
  monitor(made);
  diallers_.emplace(where.str(), made);
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

std::string peer_core::label(const transport::session_info& about) {
  return about.remote_name.empty() ? about.dialled : about.remote_name;
}

// A session is authenticated, or, when `native`, has said hello and wants to be known under its name.
caf::result<void> peer_core::come_up(const caf::actor& session, const transport::session_info_ptr& about) {
  const auto at = sessions_.find(session.id());
  if (at == sessions_.end()) return fail(errc::closed, "the session has ended");
  auto& entry = at->second;
  entry.about = about;
  if (!about->native) return caf::unit;
  const auto name = label(*about);
  if (name.empty()) return caf::unit;  // a client that neither claims a name nor was dialled: nobody opens to it
  auto known = remotes_.find(name);
  if (known != remotes_.end() && known->second.info.fingerprint != about->remote_key)
    return fail(errc::already_exists, "the name '" + name + "' is held by " + known->second.info.fingerprint + " at " +
                                          known->second.info.address);
  const bool first = known == remotes_.end();
  if (first) {
    known = remotes_.emplace(name, remote{{name, about->remote_key, about->address, about->version, 0}, {}, 0}).first;
    turns_.add(name);
  }
  auto& whom = known->second;
  whom.sessions.push_back(session);
  whom.info.sessions = static_cast<std::uint32_t>(whom.sessions.size());
  entry.listed = true;
  if (first) announce(peer_event::kind::up, whom.info, {});
  return caf::unit;
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
  if (!whom.sessions.empty()) return;
  turns_.remove(name);
  const auto info = whom.info;
  remotes_.erase(known);
  announce(peer_event::kind::down, info, why ? why : error{errc::closed, "the remote peer is leaving"});
}

void peer_core::gone(const caf::down_msg& down) {
  const auto id = down.source.id();
  if (const auto at = sessions_.find(id); at != sessions_.end()) {
    unlist(at->second.actor, from_caf(down.reason));
    sessions_.erase(at);
    return finish_if_empty();
  }
  std::erase_if(diallers_, [&](const auto& entry) { return entry.second.id() == id; });
  std::erase_if(observers_, [&](const auto& observer) { return observer.id() == id; });
  const auto served = std::erase_if(
      services_, [&](const auto& entry) { return entry.second.acceptor && entry.second.acceptor.id() == id; });
  if (served != 0) publish();
}

void peer_core::announce(peer_event::kind what, const peer_info& whom, const error& why) {
  if (settings_->log) {
    static constexpr const char* words[] = {" is up", " is down", " is draining"};
    settings_->log({log_record::level::info, "peer",
                    "'" + whom.name + "' (" + whom.fingerprint + ")" + words[static_cast<int>(what)] +
                        (why ? ": " + why.message() : "")});
  }
  for (const auto& observer : observers_) caf::anon_send(observer, event_atom_v, peer_event{what, whom, why});
}

// ---- services

caf::result<void> peer_core::register_service(const std::string& name, const caf::actor& acceptor) {
  if (broken_) return to_caf(broken_);
  if (!name.empty() && !is_valid_name(name))
    return fail(errc::invalid_argument,
                "serve '" + name + "': a service name is 1 to 255 letters, digits and . _ / @ -");
  if (name.starts_with('@'))
    return fail(errc::invalid_argument, "serve '" + name + "': names with a leading '@' are reserved");
  if (name.empty() && acceptor) return fail(errc::invalid_argument, "serve: a handler needs a service name");
  if (services_.contains(name)) return fail(errc::already_exists, "serve '" + name + "': served already");
  if (acceptor) monitor(acceptor);
  services_[name].acceptor = acceptor;
  publish();
  return caf::unit;
}

caf::result<channel_actor> peer_core::accept(const std::string& name) {
  if (broken_) return to_caf(broken_);
  if (!services_.contains(name))
    if (auto registered = register_service(name, nullptr); registered.flag == caf::rt_error)
      return std::move(registered.err);
  auto& from = services_[name];
  if (from.acceptor) return fail(errc::already_exists, "accept '" + name + "': the service has a handler");
  if (!from.queue.empty()) {
    auto channel = std::move(from.queue.front());
    from.queue.pop_front();
    return channel;
  }
  from.acceptors.push_back(make_response_promise());
  return from.acceptors.back();
}

void peer_core::incoming(const caf::actor& channel, const std::string& name) {
  const auto refuse = [&](errc code, std::string text) {
    caf::anon_send(channel, refuse_atom_v, error{code, std::move(text)});
  };
  if (shutting_down_) return refuse(errc::closed, "the peer is shutting down");
  auto at = services_.find(name);
  if (at == services_.end() && !name.starts_with('@')) at = services_.find(std::string_view{});
  if (at == services_.end()) return refuse(errc::unknown_service, "'" + name + "' is not served here");
  auto& by = at->second;
  auto handle = caf::actor_cast<channel_actor>(channel);
  if (by.acceptor) {
    caf::anon_send(channel, accept_atom_v);
    auto about = static_cast<const channel_core*>(caf::actor_cast<caf::abstract_actor*>(channel))->describe();
    caf::anon_send(by.acceptor, accept_atom_v, std::move(handle), std::move(about));
    return;
  }
  while (!by.acceptors.empty()) {
    auto waiting = std::move(by.acceptors.front());
    by.acceptors.pop_front();
    if (!waiting.pending()) continue;
    caf::anon_send(channel, accept_atom_v);
    return waiting.deliver(std::move(handle));
  }
  if (by.queue.size() >= settings_->accept_queue)
    return refuse(errc::resource_exhausted,
                  std::to_string(by.queue.size()) + " channels wait to be accepted (option accept_queue)");
  caf::anon_send(channel, accept_atom_v);
  by.queue.push_back(std::move(handle));
}

// ---- remote peers

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
  auto found = find_remote(to);
  if (!found) return fail(found.error().code(), "open '" + service + "': " + found.error().context());
  auto promise = make_response_promise();
  promise.delegate(pick(**found), open_atom_v, std::move(service), std::move(headers));
  return promise;
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
  return caf::unit;
}

// ---- the end

// By `drain` channels may go on until linger is over; by `close`, when the runtime ends, they flush and close now.
template <class Verb> void peer_core::shut_down(std::chrono::milliseconds linger, Verb to_sessions) {
  for (const auto& [id, session] : sessions_) caf::anon_send(session.actor, to_sessions);
  if (std::exchange(shutting_down_, true)) return;
  for (const auto& [where, actor] : listeners_) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  listeners_.clear();
  for (const auto& [where, actor] : diallers_) caf::anon_send(actor, drain_atom_v);
  delayed_anon_send(caf::actor_cast<peer_core_actor>(this), linger, drop_atom_v);
  finish_if_empty();
}

void peer_core::finish_if_empty() {
  if (shutting_down_ && sessions_.empty()) quit(caf::exit_reason::user_shutdown);
}

}  // namespace duplex::detail
