// SPDX-License-Identifier: BSD-2-Clause
// The handle's operations, and how a peer is made.
#include <duplex/peer.hpp>

#include <duplex/async.hpp>

#include "actors/acceptors.hpp"
#include "actors/blocking.hpp"
#include "actors/channel_state.hpp"
#include "actors/companion.hpp"
#include "actors/peer_actor.hpp"
#include "runtime/requester.hpp"
#include "runtime/roots.hpp"
#include "runtime/scheduler.hpp"

#include <boost/asio/io_context.hpp>
#include <caf/actor_cast.hpp>
#include <caf/event_based_actor.hpp>

#include <atomic>
#include <map>
#include <mutex>

namespace duplex {
namespace detail {

struct peer_state final : stoppable {
  caf::actor_system* system;  // gone once `over`
  std::atomic<bool> over = false;
  peer_actor actor;
  caf::intrusive_ptr<requester> port;
  // Two threads may be the first to ask; it stands for the mailbox that a handle does not have.
  std::mutex companion_mutex;
  std::weak_ptr<void> companion;
  std::mutex acceptors_mutex;                                                    // likewise
  std::map<std::string, std::shared_ptr<acceptors>, std::less<>> all_acceptors;  // by service

  peer_state(caf::actor_system* in, peer_actor of, caf::intrusive_ptr<requester> by)
      : system(in), actor(std::move(of)), port(std::move(by)) {}
  peer_state(const peer_state&) = delete;
  peer_state& operator=(const peer_state&) = delete;
  ~peer_state() = default;
  void stopped() noexcept override { over = true; }

  /// The one template from which every operation of a peer comes: a request, its answer turned into a result.
  template <class T, class... Ts> void ask(completion_ptr<T> done, Ts&&... xs) {
    auto answer = [done = std::move(done), system = system](const caf::error& failed, caf::message content) mutable {
      if (failed)
        done->complete(from_caf(failed));
      else if constexpr (std::is_void_v<T>)
        done->complete({});
      else if constexpr (std::is_same_v<T, channel>)
        done->complete(channel{*system, std::move(content.get_mutable_as<channel_actor>(0))});
      else
        done->complete(std::move(content.get_mutable_as<T>(0)));
    };
    port->request(caf::actor_cast<caf::strong_actor_ptr>(actor), requester::no_timeout, std::move(answer),
                  std::forward<Ts>(xs)...);
  }

  std::shared_ptr<acceptors> acceptors_of(std::string_view service) {
    std::lock_guard lock{acceptors_mutex};
    auto at = all_acceptors.find(service);
    if (at == all_acceptors.end()) at = all_acceptors.emplace(service, std::make_shared<acceptors>()).first;
    return at->second;
  }

  /// The same for operations on an endpoint given as text.
  template <class T, class Verb> void ask_at(std::string_view where, Verb verb, completion_ptr<T> done) {
    auto parsed = endpoint::parse(where);
    if (!parsed) return done->complete(parsed.error());
    ask(std::move(done), verb, std::move(*parsed));
  }
};

namespace {

std::string text(std::string_view s) { return std::string{s}; }

// Calls a handler with each channel. One that throws ends that channel, as a coroutine's does, and not the service.
caf::behavior handler_actor(caf::event_based_actor* self, const std::function<void(channel)>& handler) {
  return {[self, handler](accept_atom, channel_actor& actor, const meta&) {
    channel given{self->system(), std::move(actor)};
    try {
      handler(given);
    } catch (...) {
      handler_failed(given, std::current_exception());
    }
  }};
}

}  // namespace

template <> void start(const std::shared_ptr<peer_state>& on, const bind_op& op, completion_ptr<endpoint> done) {
  on->ask_at(op.where, bind_atom_v, std::move(done));
}
template <> void start(const std::shared_ptr<peer_state>& on, const unbind_op& op, completion_ptr<void> done) {
  on->ask_at(op.where, unbind_atom_v, std::move(done));
}
template <> void start(const std::shared_ptr<peer_state>& on, const connect_op& op, completion_ptr<peer_info> done) {
  on->ask_at(op.where, connect_atom_v, std::move(done));
}
template <> void start(const std::shared_ptr<peer_state>& on, const disconnect_op& op, completion_ptr<void> done) {
  on->ask_at(op.where, disconnect_atom_v, std::move(done));
}
template <>
void start(const std::shared_ptr<peer_state>& on, const peers_op&, completion_ptr<std::vector<peer_info>> done) {
  on->ask(std::move(done), peers_atom_v);
}
template <>
void start(const std::shared_ptr<peer_state>& on, const sessions_op&,
           completion_ptr<std::vector<session_report>> done) {
  on->ask(std::move(done), sessions_atom_v);
}
template <> void start(const std::shared_ptr<peer_state>& on, const self_op&, completion_ptr<peer_report> done) {
  on->ask(std::move(done), self_atom_v);
}
template <> void start(const std::shared_ptr<peer_state>& on, const drop_op& op, completion_ptr<void> done) {
  on->ask(std::move(done), drop_atom_v, text(op.name), text(op.reason));
}
template <> void start(const std::shared_ptr<peer_state>& on, const next_peer_op&, completion_ptr<std::string> done) {
  on->ask(std::move(done), next_atom_v);
}
template <> void start(const std::shared_ptr<peer_state>& on, const serve_op& op, completion_ptr<void> done) {
  if (on->over) return done->complete({errc::closed, "the runtime has ended"});
  if (op.handler != nullptr)
    on->ask(std::move(done), serve_atom_v, text(op.service), on->system->spawn(handler_actor, *op.handler));
  else if (op.acceptor != nullptr)
    on->ask(std::move(done), serve_atom_v, text(op.service), *op.acceptor);
  else
    on->ask(std::move(done), serve_atom_v, text(op.service));
}
template <> void start(const std::shared_ptr<peer_state>& on, const accept_op& op, completion_ptr<channel> done) {
  struct accepting final : completion<channel> {
    explicit accepting(std::shared_ptr<acceptors> all) : who(std::move(all)) {}
    void complete(result<channel> outcome) override { who->answered(std::move(outcome)); }
    std::shared_ptr<acceptors> who;
  };
  auto who = on->acceptors_of(op.service);
  if (who->wait(std::move(done)))
    on->ask<channel>(std::make_unique<accepting>(std::move(who)), accept_atom_v, text(op.service));
}
template <> void start(const std::shared_ptr<peer_state>& on, const open_op& op, completion_ptr<channel> done) {
  on->ask(std::move(done), open_atom_v, text(op.to), text(op.service),
          op.headers != nullptr ? *op.headers : std::vector<std::string>{});
}
template <> void start(const std::shared_ptr<peer_state>& on, const ping_op& op, completion_ptr<ping_report> done) {
  on->ask(std::move(done), ping_atom_v, text(op.name));
}
template <> void start(const std::shared_ptr<peer_state>& on, const set_option_op& op, completion_ptr<void> done) {
  on->ask(std::move(done), set_atom_v, text(op.name), text(op.setting));
}
template <>
void start(const std::shared_ptr<peer_state>& on, const get_option_op& op, completion_ptr<std::string> done) {
  on->ask(std::move(done), get_atom_v, text(op.name));
}
template <> void start(const std::shared_ptr<peer_state>& on, const shutdown_op&, completion_ptr<void> done) {
  on->ask(std::move(done), close_atom_v);
}

template result<endpoint> wait(const std::shared_ptr<peer_state>&, const bind_op&);
template result<void> wait(const std::shared_ptr<peer_state>&, const unbind_op&);
template result<peer_info> wait(const std::shared_ptr<peer_state>&, const connect_op&);
template result<void> wait(const std::shared_ptr<peer_state>&, const disconnect_op&);
template result<std::vector<peer_info>> wait(const std::shared_ptr<peer_state>&, const peers_op&);
template result<std::vector<session_report>> wait(const std::shared_ptr<peer_state>&, const sessions_op&);
template result<peer_report> wait(const std::shared_ptr<peer_state>&, const self_op&);
template result<void> wait(const std::shared_ptr<peer_state>&, const drop_op&);
template result<std::string> wait(const std::shared_ptr<peer_state>&, const next_peer_op&);
template result<void> wait(const std::shared_ptr<peer_state>&, const serve_op&);
template result<channel> wait(const std::shared_ptr<peer_state>&, const accept_op&);
template result<channel> wait(const std::shared_ptr<peer_state>&, const open_op&);
template result<ping_report> wait(const std::shared_ptr<peer_state>&, const ping_op&);
template result<void> wait(const std::shared_ptr<peer_state>&, const set_option_op&);
template result<std::string> wait(const std::shared_ptr<peer_state>&, const get_option_op&);
template result<void> wait(const std::shared_ptr<peer_state>&, const shutdown_op&);

boost::asio::any_io_executor executor_of(const channel& of) {
  return of.state()->port->home()->context().get_executor();
}

void handler_failed(channel& of, const std::exception_ptr& thrown) {
  std::string what = "the service's handler threw";
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    what += std::string{": "} + e.what();
  } catch (...) {
    what += " something that is no std::exception";
  }
  // The writing ends with the reason; the handle that goes next closes the channel.
  (void)of.write_trailers({"status=" + std::to_string(static_cast<int>(errc::internal)), "reason=" + what});
}

std::shared_ptr<void> companion_of(const peer& of, const std::function<std::shared_ptr<void>()>& make) {
  std::lock_guard lock{of.state()->companion_mutex};
  auto there = of.state()->companion.lock();
  if (!there) of.state()->companion = there = make();
  return there;
}

}  // namespace detail

peer_actor peer::actor() const { return state_ ? state_->actor : peer_actor{}; }

peer runtime::spawn_peer(options settings) {
  auto& sys = system();
  const auto named = settings.name.empty() ? std::string{"peer"} : "peer '" + settings.name + "'";
  auto identity = key::from_option(settings.identity, settings.passphrase, !settings.identity_agent.empty());
  auto actor =
      sys.spawn<detail::peer_core>(&detail::scheduler::of(sys).next(), std::move(settings), std::move(identity));
  detail::add_root(sys, caf::actor_cast<caf::strong_actor_ptr>(actor), named);
  auto port = detail::make_requester(sys);
  port->watch(caf::actor_cast<caf::strong_actor_ptr>(actor), [](const caf::error&) {});  // ends what it did not answer
  auto made = std::make_shared<detail::peer_state>(&sys, peer_actor{actor}, std::move(port));
  detail::scheduler::of(sys).at_stop(made);
  return peer{std::move(made)};
}

}  // namespace duplex
