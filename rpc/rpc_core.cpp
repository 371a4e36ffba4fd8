// SPDX-License-Identifier: BSD-2-Clause
#include "rpc/rpc_core.hpp"

#include <duplex/rpc/services.hpp>

#include "actors/companion.hpp"
#include "rpc/operations.hpp"
#include "rpc/own_channel.hpp"
#include "rpc/route.hpp"
#include "runtime/requester.hpp"
#include "runtime/scheduler.hpp"
#include "transport/hello.hpp"

#include <boost/asio/detached.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <future>

namespace duplex::rpc::detail {
namespace {

namespace asio = boost::asio;

constexpr std::size_t max_links = 16;  // to one peer: more sessions share them

executor worker_of(const duplex::peer& self) {
  return duplex::detail::scheduler::of(self.actor()->home_system()).next().context().get_executor();
}

// Whether this thread may wait for the workers: it is none of them, and they are not still to be run by it.
bool may_wait(const duplex::peer& self) {
  return duplex::detail::worker::current() == nullptr &&
         duplex::detail::scheduler::of(self.actor()->home_system()).external() == nullptr;
}

// Takes the channels that are opened to a method by its name.
caf::behavior method_acceptor(caf::event_based_actor* self, const std::shared_ptr<rpc_core>& core) {
  // The core may outlive the runtime, which an actor that has not ended must not.
  self->monitor(core->self().actor());
  self->set_down_handler([self](const caf::down_msg&) { self->quit(); });
  return {[self, core = std::weak_ptr{core}](accept_atom, channel_actor& actor, const meta&) {
    channel ch{self->system(), std::move(actor)};
    const auto on = duplex::detail::executor_of(ch);
    if (auto alive = core.lock())
      asio::co_spawn(on, serve_channel(std::move(alive), nullptr, std::move(ch)), asio::detached);
  }};
}

}  // namespace

std::shared_ptr<rpc_core> rpc_core::of(const duplex::peer& self) {
  bool made = false;
  auto core = std::static_pointer_cast<rpc_core>(duplex::detail::companion_of(self, [&]() -> std::shared_ptr<void> {
    made = true;
    return std::make_shared<rpc_core>(self);
  }));
  if (made) core->start();
  return core;
}

rpc_core::rpc_core(const duplex::peer& self)
    : self_(self), on_(worker_of(self)), watcher_(duplex::detail::make_requester(self.actor()->home_system())) {}

void rpc_core::start() {
  const std::function<void(channel)> handler = [core = shared_from_this()](channel ch) {
    const auto on = duplex::detail::executor_of(ch);
    asio::co_spawn(on, core->accept(core, std::move(ch)), asio::detached);
  };
  const duplex::detail::serve_op op{transport::calls_service, &handler, nullptr};
  detail::start(self_.state(), op, [](const result<void>&) {});
  serve_builtin(shared_from_this());
  watcher_->watch(caf::actor_cast<caf::strong_actor_ptr>(self_.actor()), [self = weak_from_this()](const caf::error&) {
    if (const auto core = self.lock()) core->peer_ended();
  });
}

// What handlers hold may hold this: functions of remote peers, handles to the peer.
void rpc_core::peer_ended() {
  std::unique_lock lock{mutex_};
  const auto methods = std::exchange(methods_, {});
  const auto acceptor = std::exchange(acceptor_, {});
  ended_ = true;
  const auto groups = std::exchange(links_, {});
  const auto past = std::exchange(past_, {});
  const auto callers = std::exchange(callers_, {}), handlers = std::exchange(handlers_, {});
  lock.unlock();
  if (acceptor) caf::anon_send_exit(acceptor, caf::exit_reason::user_shutdown);
  for (const auto& [to, group] : groups)
    for (const auto& one : group.links) one->end({code::unavailable, "the peer has ended"});
  for (const auto& each : past)
    if (const auto one = each.lock()) one->abandon();
}

task<void> rpc_core::accept(std::shared_ptr<rpc_core> self, channel ch) {
  const auto about = co_await ch.async_meta();
  if (!about) co_return;
  const auto wanted = about->header("codec").value_or("msgpack");
  const auto codec = find_codec(wanted);
  if (!codec) {
    const auto trailers = trailers_with(
        {code::unimplemented, "codec '" + std::string{wanted} + "' is not known here; known are " + codec_names()},
        {"begun=no"});
    auto end = end_writing(ch, trailers);
    co_await std::move(end);
    co_return;
  }
  auto made =
      std::make_shared<link>(self, codec, about->remote_peer.empty() ? about->remote_address : about->remote_peer);
  {
    std::lock_guard lock{mutex_};
    accepted_.emplace(made.get(), made);
  }
  made->attach(std::move(ch), false);
}

result<void> rpc_core::add(const std::string& service, const std::vector<method_ptr>& methods,
                           const serve_options& how) {
  const auto limit = std::make_shared<load>();
  limit->service = service;
  limit->most = how.max_running;
  std::vector<std::string> fresh;
  std::unique_lock lock{mutex_};
  if (ended_) return {errc::closed, "serve '" + service + "': the peer has ended"};
  for (const auto& [name, one] : methods_)
    if (one->limit->service == service) return {errc::already_exists, "serve '" + service + "': served already"};
  for (const auto& one : methods)
    if (methods_.contains(one->name)) return {errc::already_exists, "serve '" + one->name + "': served already"};
  for (const auto& one : methods) {
    auto entry = std::make_shared<method>(*one);
    entry->limit = limit;
    methods_[entry->name] = std::move(entry);
    if (registered_.insert(one->name).second) fresh.push_back(one->name);
  }
  if (!acceptor_) acceptor_ = self_.actor()->home_system().spawn(method_acceptor, shared_from_this());
  const auto acceptor = acceptor_;
  lock.unlock();
  // The core registers each name for who opens it directly, and says what is wrong with one.
  for (const auto& name : fresh) {
    const duplex::detail::serve_op op{name, nullptr, &acceptor};
    if (!may_wait(self_)) {
      detail::start(self_.state(), op, [](const result<void>&) {});
      continue;
    }
    if (auto served = duplex::detail::wait(self_.state(), op); !served) {
      (void)withdraw(service);
      lock.lock();
      registered_.erase(name);
      return served;
    }
  }
  return {};
}

// The core keeps the names: who opens one is told that it is not served.
result<void> rpc_core::withdraw(std::string_view service) {
  std::vector<method_ptr> gone;  // what they hold is somebody's code: destroyed without the lock
  std::lock_guard lock{mutex_};
  for (auto each = methods_.begin(); each != methods_.end();) {
    if (each->second->limit->service == service) {
      gone.push_back(std::move(each->second));
      each = methods_.erase(each);
    } else {
      ++each;
    }
  }
  if (gone.empty()) return {errc::not_found, "withdraw '" + std::string{service} + "': not served"};
  return {};
}

method_ptr rpc_core::find(std::string_view name) const {
  std::lock_guard lock{mutex_};
  const auto at = methods_.find(name);
  return at == methods_.end() ? nullptr : at->second;
}

std::vector<method_ptr> rpc_core::methods() const {
  std::vector<method_ptr> all;
  std::lock_guard lock{mutex_};
  for (const auto& [name, one] : methods_) all.push_back(one);
  return all;
}

link_ptr rpc_core::link_to(const std::string& peer, const codec_ptr& codec) {
  const auto sessions = std::min(peers_.sessions(peer), max_links);
  std::unique_lock lock{mutex_};
  if (ended_) {  // its runtime may be gone, too: nothing is asked of it any more
    lock.unlock();
    const auto none = std::make_shared<link>(shared_from_this(), codec, peer);
    none->end({code::unavailable, "the peer has ended"});
    return none;
  }
  auto at = links_.find(by_view::view{peer, codec->name()});
  if (at == links_.end()) at = links_.try_emplace({peer, std::string{codec->name()}}).first;
  auto& group = at->second;
  if (group.links.size() >= sessions) {
    for (std::size_t i = 0; i < group.links.size(); ++i)
      if (const auto& one = group.links[group.turn++ % group.links.size()]; one->usable()) return one;
  }
  // The core's opens to a peer take its sessions in turns, so this one is on a session of its own.
  const auto made = group.links.emplace_back(std::make_shared<link>(shared_from_this(), codec, peer));
  lock.unlock();
  made->open();
  find_peers(false);  // to hear when one leaves
  refresh({});        // an event tells of the first session to a peer only
  return made;
}

bool rpc_core::ended(const link_ptr& which, bool with_calls) {
  std::lock_guard lock{mutex_};
  if (with_calls && !ended_) {
    std::erase_if(past_, [](const auto& each) { return each.expired(); });
    past_.push_back(which);
  }
  accepted_.erase(which.get());
  for (auto at = links_.begin(); at != links_.end(); ++at) {
    if (std::erase(at->second.links, which) == 0) continue;
    if (at->second.links.empty()) links_.erase(at);
    break;
  }
  return !ended_;
}

std::vector<link_ptr> rpc_core::links(const std::string& peer) const {
  std::vector<link_ptr> all;
  std::lock_guard lock{mutex_};
  for (const auto& [to, group] : links_)
    if (to.first == peer) all.insert(all.end(), group.links.begin(), group.links.end());
  return all;
}

std::size_t rpc_core::pending_at(const std::string& peer) const {
  std::size_t count = 0;
  for (const auto& one : links(peer)) count += one->pending();
  return count;
}

/// *Any thread.* Hears of the remote peers.
class rpc_core::event_listener final : public duplex::detail::requester {
 public:
  event_listener(caf::actor_config& config, std::weak_ptr<rpc_core> of) : requester(config), of_(std::move(of)) {}

 private:
  void on_message(caf::mailbox_element& what) override {
    auto content = what.move_content_to_message();
    if (!content.match_elements<event_atom, peer_event>()) return;
    if (const auto core = of_.lock()) core->on_event(content.get_as<peer_event>(1));
  }
  const std::weak_ptr<rpc_core> of_;
};

void rpc_core::find_peers(bool wait) {
  {
    std::lock_guard lock{mutex_};
    if (ended_ || std::exchange(finding_, true)) return;
  }
  auto& system = self_.actor()->home_system();
  const auto listener = duplex::detail::make_requester<event_listener>(system, weak_from_this());
  const auto there = caf::actor_cast<caf::strong_actor_ptr>(self_.actor());
  listener->send(there, subscribe_atom_v, caf::actor_cast<caf::actor>(caf::strong_actor_ptr{listener->ctrl()}));
  if (!wait || !may_wait(self_)) return refresh({});
  const auto done = std::make_shared<std::promise<void>>();
  refresh([done] { done->set_value(); });
  done->get_future().wait();
}

// In the peer's own turn, as its events come: neither overtakes the other.
void rpc_core::refresh(std::function<void()> then) {
  detail::start(self_.state(), duplex::detail::peers_op{},
                [core = shared_from_this(), then = std::move(then)](const result<std::vector<peer_info>>& found) {
                  if (found) core->peers_.begin(*found);
                  if (then) then();
                });
}

void rpc_core::on_event(const peer_event& what) {
  peers_.event(what);
  if (what.what != peer_event::kind::draining) return;
  for (const auto& one : links(what.peer.name)) one->retire();
  for (const auto& one : links({})) one->retire();  // opened to whoever came first, it may lead there
}

void rpc_core::ask_around() {
  {
    std::lock_guard lock{mutex_};
    if (ended_) return;
  }
  for (auto& peer : peers_.to_ask(roster::clock::now()))
    asio::co_spawn(on_, ask(shared_from_this(), std::move(peer)), asio::detached);
}

task<void> rpc_core::ask(std::shared_ptr<rpc_core> self, std::string peer) {
  const fn<std::vector<service_info>()> list{std::make_shared<named>(self, peer, "duplex.Reflection.list", msgpack())};
  std::set<std::string> methods;
  for (const auto& service : co_await list())
    for (const auto& method : service.methods)
      methods.insert(service.name == method.name ? method.name : service.name + "." + method.name);
  self->peers_.learn(peer, std::move(methods));
}

std::size_t rpc_core::lent() const {
  std::vector<link_ptr> all;
  {
    std::lock_guard lock{mutex_};
    for (const auto& [to, group] : links_) all.insert(all.end(), group.links.begin(), group.links.end());
    for (const auto& [key, one] : accepted_)
      if (auto alive = one.lock()) all.push_back(std::move(alive));
  }
  std::size_t count = 0;
  for (const auto& one : all) count += one->lent();
  return count;
}

codec_ptr rpc_core::find_codec(std::string_view name) const {
  std::lock_guard lock{mutex_};
  const auto* found = codecs_.find(name);
  return found != nullptr ? *found : nullptr;
}

std::string rpc_core::codec_names() const {
  std::lock_guard lock{mutex_};
  return codecs_.names();
}

std::vector<std::string> rpc_core::codec_list() const {
  std::vector<std::string> list;
  const auto names = codec_names();
  for (std::size_t from = 0; from < names.size();) {
    const auto comma = std::min(names.find(", ", from), names.size());
    list.push_back(names.substr(from, comma - from));
    from = comma + 2;
  }
  return list;
}

void rpc_core::add_codec(codec_ptr codec) {
  std::lock_guard lock{mutex_};
  codecs_.add(std::move(codec));
}

call_rules rpc_core::rules(side at) const {
  std::unique_lock lock{mutex_};
  call_rules made{limits_, {}};
  const auto& from = at == side::caller ? callers_ : handlers_;
  if (from.empty()) return made;
  const auto all = from;
  lock.unlock();
  made.seen_by = interceptors{all};
  return made;
}

void rpc_core::add_interceptor(side at, interceptor_factory made_by) {
  std::lock_guard lock{mutex_};
  (at == side::caller ? callers_ : handlers_).push_back(std::move(made_by));
}

void rpc_core::set_limits(const codec_limits& to) {
  std::lock_guard lock{mutex_};
  limits_ = to;
}

}  // namespace duplex::rpc::detail
