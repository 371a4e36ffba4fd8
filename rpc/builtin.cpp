// SPDX-License-Identifier: BSD-2-Clause
#include "rpc/builtin.hpp"

#include <duplex/rpc/services.hpp>
#include <duplex/version.hpp>

#include "rpc/rpc_core.hpp"

namespace duplex::rpc::detail {
namespace {

using weak_core = std::weak_ptr<rpc_core>;

std::shared_ptr<rpc_core> alive(const weak_core& core) {
  auto there = core.lock();
  if (!there) throw failure{code::unavailable, "the peer has ended"};
  return there;
}

template <class T> T value_of(result<T> outcome) {
  if (!outcome) throw failure{rpc::status{outcome.error()}};
  return std::move(*outcome);
}

// Of those that the caller may call; `only` is a service's name, or empty for all.
std::vector<service_info> services(const rpc_core& core, const context& by, std::string_view only) {
  std::map<std::string, service_info> all;
  for (const auto& one : core.methods()) {
    const auto& name = one->limit->service;
    if ((!only.empty() && name != only) || !by.caller().rights.may_open(one->name)) continue;
    auto& of = all[name];
    of.name = name;
    of.methods.push_back({.name = one->name == name ? name : one->name.substr(name.size() + 1),
                          .signature = one->signature,
                          .kind = one->kind,
                          .doc = one->documentation,
                          .idempotent = one->idempotent});
    for (const auto& [type, fields] : one->types) {
      if (std::any_of(of.types.begin(), of.types.end(), [&](const auto& t) { return t.name == type; })) continue;
      auto& entry = of.types.emplace_back();
      entry.name = type;
      for (const auto& [field, kind] : fields) entry.fields.push_back({field, kind});
    }
  }
  std::vector<service_info> list;
  for (auto& [name, of] : all) list.push_back(std::move(of));
  return list;
}

reflection reflection_of(const weak_core& core) {
  return {.list = [core](const context& by) { return services(*alive(core), by, {}); },
          .describe =
              [core](const context& by, const std::string& name) {
                auto found = services(*alive(core), by, name);
                if (found.empty()) throw failure{code::not_found, "no service '" + name + "' here"};
                return std::move(found.front());
              },
          .codecs = [core] { return alive(core)->codec_list(); }};
}

bool serves(const rpc_core& core, const context& by, const std::string& service) {
  const auto all = core.methods();
  return service.empty() || std::any_of(all.begin(), all.end(), [&](const auto& one) {
           return one->limit->service == service && by.caller().rights.may_open(one->name);
         });
}

health health_of(const weak_core& core) {
  const auto checked = [core](const context& by, const std::string& service) {
    auto there = alive(core);
    if (!serves(*there, by, service)) throw failure{code::not_found, "no service '" + service + "' here"};
    return there;
  };
  return {.check = [checked](const context& by,
                             const std::string& service) { return checked(by, service)->health().of(service); },
          .watch = [checked](const context& by,
                             const std::string& service) { return checked(by, service)->health().watch(service); }};
}

std::int64_t milliseconds(std::chrono::milliseconds age) { return age.count(); }

task<peer_identity> identity(duplex::peer of) {
  auto known = value_of(co_await of.async_self());
  peer_identity made;
  made.name = known.name;
  made.fingerprint = known.fingerprint;
  made.version = std::string{"duplex "} + version;
  made.endpoints = known.endpoints;
  made.uptime = milliseconds(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now() - known.started));
  co_return made;
}

task<std::vector<session_info>> sessions(duplex::peer of) {
  std::vector<session_info> list;
  for (const auto& one : value_of(co_await of.async_sessions())) {
    auto& made = list.emplace_back();
    made.peer = one.name;
    made.fingerprint = one.fingerprint;
    made.address = one.address;
    made.dialled = one.dialled;
    made.stock = one.stock;
    made.age = milliseconds(one.age);
    for (const auto& ch : one.channels)
      made.channels.push_back({.service = ch.service,
                               .opened_here = ch.opened_here,
                               .age = milliseconds(ch.age),
                               .queued = ch.queued,
                               .unread = ch.unread});
  }
  co_return list;
}

introspection introspection_of(const weak_core& core) {
  return {.self = [core] { return identity(alive(core)->self()); },
          .caller =
              [](const context& by) {
                peer_identity made;
                made.name = by.caller().remote_peer;
                made.fingerprint = by.caller().remote_key;
                made.endpoints = {by.caller().remote_address};
                return made;
              },
          .sessions = [core] { return sessions(alive(core)->self()); }};
}

}  // namespace

void health_board::set(std::string_view service, bool serving) {
  std::vector<sink<std::string>> told;
  {
    std::lock_guard lock{mutex_};
    said_[std::string{service}] = serving;
    for (const auto& [of, out] : watchers_)
      if (of == service) told.push_back(out);
  }
  for (auto& out : told) {
    std::string now = serving ? "serving" : "not_serving";
    try {
      if (!out.try_write(now)) out.close({code::resource_exhausted, "64 changes were not read"});
    } catch (const failure&) {
      forget(out);
    }
  }
}

void health_board::forget(const sink<std::string>& out) {
  std::lock_guard lock{mutex_};
  std::erase_if(watchers_, [&](const auto& watcher) { return watcher.second == out; });
}

std::string health_board::of(const std::string& service) const {
  std::lock_guard lock{mutex_};
  return said(service);
}

std::string health_board::said(const std::string& service) const {
  const auto at = said_.find(service);
  return at == said_.end() || at->second ? "serving" : "not_serving";
}

stream<std::string> health_board::watch(const std::string& service) {
  auto [out, in] = pipe<std::string>();
  std::vector<std::pair<std::string, sink<std::string>>> gone;  // closed without the lock
  std::lock_guard lock{mutex_};
  const auto closed =
      std::partition(watchers_.begin(), watchers_.end(), [](const auto& watcher) { return watcher.second.is_open(); });
  gone.assign(std::make_move_iterator(closed), std::make_move_iterator(watchers_.end()));
  watchers_.erase(closed, watchers_.end());
  auto now = said(service);
  out.try_write(now);
  watchers_.emplace_back(service, std::move(out));
  return std::move(in);
}

void serve_builtin(const std::shared_ptr<rpc_core>& core) {
  peer self{core->self()};
  // A peer that cannot serve has an error of its own, which every operation answers with.
  (void)self.serve(reflection_of(core));
  (void)self.serve(health_of(core));
  (void)self.serve(introspection_of(core));
}

}  // namespace duplex::rpc::detail
