// SPDX-License-Identifier: BSD-2-Clause
// The peer's services: served here, accepted, or offered by stock clients.
#include "actors/peer_actor.hpp"

#include "actors/relay.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace duplex::detail {
namespace {

caf::error fail(errc code, std::string text) { return to_caf({code, std::move(text)}); }

// What a service did with a channel in place of taking it.
void not_taken(const caf::actor& channel, const caf::error& why) {
  if (why == caf::sec::unexpected_response) return;  // it took it, and answered something
  const bool ended = why == caf::sec::request_receiver_down;
  const error told{ended ? errc::closed : errc::internal,
                   ended ? "the service ended before it took the channel" : "the service failed: " + to_string(why)};
  caf::anon_send(channel, trailers_atom_v, transport::as_trailers(told));
  caf::anon_send(channel, close_atom_v);
}

}  // namespace

caf::result<void> peer_core::register_service(const std::string& name, const caf::actor& acceptor) {
  if (broken_) return to_caf(broken_);
  if (!name.empty() && !is_valid_name(name))
    return fail(errc::invalid_argument,
                "serve '" + name + "': a service name is 1 to 255 letters, digits and . _ / @ -");
  if (name.starts_with('@') && name != transport::calls_service)
    return fail(errc::invalid_argument, "serve '" + name + "': names with a leading '@' are reserved");
  if (name.empty() && acceptor) return fail(errc::invalid_argument, "serve: a handler needs a service name");
  if (services_.contains(name)) return fail(errc::already_exists, "serve '" + name + "': served already");
  if (offers_.contains(name))
    return fail(errc::already_exists, "serve '" + name + "': a stock client offers it (ssh -R)");
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
  if (auto channel = from.queue.next()) return *channel;
  auto promise = make_response_promise();
  from.queue.wait(promise);
  return promise;
}

void peer_core::incoming(const caf::actor& channel, const std::string& name) {
  const auto refuse = [&](errc code, std::string text) {
    caf::anon_send(channel, refuse_atom_v, error{code, std::move(text)});
  };
  if (shutting_down_) return refuse(errc::closed, "the peer is shutting down");
  auto at = services_.find(name);
  if (at == services_.end() && offers_.contains(name)) return forward(channel, name);
  if (at == services_.end() && !name.starts_with('@')) at = services_.find(std::string_view{});
  if (at == services_.end()) return refuse(errc::unknown_service, "'" + name + "' is not served here");
  auto& by = at->second;
  auto handle = caf::actor_cast<channel_actor>(channel);
  if (by.acceptor) {
    caf::anon_send(channel, keep_atom_v);
    auto about = static_cast<const channel_core*>(caf::actor_cast<caf::abstract_actor*>(channel))->describe();
    // Asked, not told: one that ends or fails meanwhile has not taken it, and nobody else would end it.
    request(by.acceptor, caf::infinite, accept_atom_v, std::move(handle), std::move(about))
        .then([] {}, [channel](const caf::error& why) { not_taken(channel, why); });
    return;
  }
  if (const auto full = by.queue.check(settings_->accept_queue)) return refuse(full.code(), full.context());
  caf::anon_send(channel, keep_atom_v);
  by.queue.put(std::move(handle));
}

// Kept once the client that offers the service has a connection for it; then the two channels are one.
void peer_core::forward(const caf::actor& channel, const std::string& name) {
  const auto about = static_cast<const channel_core*>(caf::actor_cast<caf::abstract_actor*>(channel))->describe();
  const auto by = *offers_.next(name);
  request(by.session, caf::infinite, forward_atom_v, name, by.port, about.remote_address)
      .then(
          [this, channel](const channel_actor& offered) {
            caf::anon_send(channel, keep_atom_v);
            system().spawn<relay>(relay_end{.channel = caf::actor_cast<channel_actor>(channel)},
                                  relay_end{.channel = offered});
          },
          [channel, prefix = "open '" + name + "': "](const caf::error& why) {
            auto text = from_caf(why).context();  // the opener's own channel says again what it opened
            if (text.starts_with(prefix)) text.erase(0, prefix.size());
            caf::anon_send(channel, refuse_atom_v, error{errc::connection_failed, std::move(text)});
          });
}

void peer_core::offered(const caf::actor& session, const std::string& name, std::uint16_t port) {
  if (!sessions_.contains(session.id()) || services_.contains(name)) return;  // it has ended; it was served meanwhile
  offers_.add(name, {session, port});
  publish_soon();
}

void peer_core::withdrawn(const caf::actor& session, const std::string& name, std::uint16_t port) {
  if (offers_.remove(name, {session, port})) publish_soon();
}

}  // namespace duplex::detail
