// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/channel.hpp>
#include <duplex/endpoint.hpp>
#include <duplex/options.hpp>
#include <duplex/runtime.hpp>

#include <caf/actor.hpp>

#include <functional>
#include <string>
#include <vector>

namespace duplex {

/// *Actor.* A peer: binds and connects to many endpoints, is client and server at once. An open is one message,
/// delegated from the peer to the session it picks and on to the new channel, which answers the asker itself.
using peer_actor = caf::typed_actor<
    /// Listens; answers with the endpoint as it is, with the real port.
    caf::replies_to<bind_atom, endpoint>::with<endpoint>,
    /// Stops listening; sessions stay.
    caf::replies_to<unbind_atom, endpoint>::with<void>,
    /// Keeps a session to there; answers when the first attempt has succeeded or failed, and goes on trying.
    caf::replies_to<connect_atom, endpoint>::with<peer_info>,
    /// Stops trying, and ends the session.
    caf::replies_to<disconnect_atom, endpoint>::with<void>,
    /// The remote peers that opens may go to.
    caf::replies_to<peers_atom>::with<std::vector<peer_info>>,
    /// Ends all sessions with a remote peer, telling it the reason.
    caf::replies_to<drop_atom, std::string, std::string>::with<void>,
    /// Round robin over the remote peers.
    caf::replies_to<next_atom>::with<std::string>,
    /// Channels for that service go to the actor, as `(accept_atom, channel_actor, meta)`.
    caf::replies_to<serve_atom, std::string, caf::actor>::with<void>,
    /// Channels for that service wait for `accept`; an empty name takes all services that nobody serves.
    caf::replies_to<serve_atom, std::string>::with<void>,
    /// The next channel for that service, or of any other one for an empty name; registers it as `serve` does.
    caf::replies_to<accept_atom, std::string>::with<channel_actor>,
    /// Opens a channel: remote peer (empty: the next one), service, headers.
    caf::replies_to<open_atom, std::string, std::string, std::vector<std::string>>::with<channel_actor>,
    /// A round trip to a remote peer (empty: the next one).
    caf::replies_to<ping_atom, std::string>::with<ping_report>,
    /// Options by name; what sessions were made from stays as it was.
    caf::replies_to<set_atom, std::string, std::string>::with<void>,
    caf::replies_to<get_atom, std::string>::with<std::string>,
    /// From now on that actor receives `(event_atom, peer_event)`.
    caf::replies_to<subscribe_atom, caf::actor>::with<void>,
    /// Stops listening, says goodbye, lets channels flush for `linger`, ends.
    caf::replies_to<close_atom>::with<void>>;

namespace detail {

struct peer_state;

struct bind_op {
  using value = endpoint;
  std::string_view where;
};
struct unbind_op {
  using value = void;
  std::string_view where;
};
struct connect_op {
  using value = peer_info;
  std::string_view where;
};
struct disconnect_op {
  using value = void;
  std::string_view where;
};
struct peers_op {
  using value = std::vector<peer_info>;
};
struct drop_op {
  using value = void;
  std::string_view name, reason;
};
struct next_peer_op {
  using value = std::string;
};
struct serve_op {
  using value = void;
  std::string_view service;
  const std::function<void(channel)>* handler;  // null: for accept
  const caf::actor* acceptor;
};
struct accept_op {
  using value = channel;
  std::string_view service;
};
struct open_op {
  using value = channel;
  std::string_view to, service;
  const std::vector<std::string>* headers;
};
struct ping_op {
  using value = ping_report;
  std::string_view name;
};
struct set_option_op {
  using value = void;
  std::string_view name, setting;
};
struct get_option_op {
  using value = std::string;
  std::string_view name;
};
struct shutdown_op {
  using value = void;
};

template <class Op>
void start(const std::shared_ptr<peer_state>& on, const Op& op, completion_ptr<typename Op::value> done);

}  // namespace detail

/// A handle to a peer, for code outside actors; copies refer to the same peer, which lives until `shutdown` or the
/// runtime's end. Plain names block (`would_deadlock` on a worker thread), `async_` names take an Asio completion token
/// and need <duplex/async.hpp>. Endpoints are given as text, see `endpoint::parse`. Every
/// operation of a peer whose options or key are wrong fails with that error, and one that has ended with `closed`.
/// Thread: any.
class peer {
 public:
  peer() = default;
  explicit peer(std::shared_ptr<detail::peer_state> state) : state_(std::move(state)) {}

  /// The actor; empty for an empty handle.
  [[nodiscard]] peer_actor actor() const;

  /// Listens, and returns the endpoint with the real port; at `stdio:` or a connected `fd:N` serves the one session
  /// there, until that is over (event `ended`). Errors: `invalid_argument`, `address_in_use`,
  /// `already_exists`, `unsupported`, `connection_failed` for a host name that does not exist, `key_file` when only an
  /// agent has the private key, `io`.
  result<endpoint> bind(std::string_view where) { return detail::wait(state_, detail::bind_op{where}); }
  /// Stops listening; sessions stay. Errors: `not_found`.
  result<void> unbind(std::string_view where) { return detail::wait(state_, detail::unbind_op{where}); }
  /// Connects, and stays connected: dials again whenever the session is lost. Returns when the first attempt succeeded
  /// or failed; after `connection_failed`, `timed_out` and `io` attempts go on, after `auth_failed`, `host_key` and
  /// `already_exists` they do not (event `ended`). The command of `exec:` is run anew each time; when the session is
  /// over it gets the end of its stdin, soon SIGTERM, and SIGKILL after `linger`. Errors also: `invalid_argument`,
  /// `unsupported`.
  result<peer_info> connect(std::string_view where) { return detail::wait(state_, detail::connect_op{where}); }
  /// Stops dialling there and ends the session. Errors: `not_found`.
  result<void> disconnect(std::string_view where) { return detail::wait(state_, detail::disconnect_op{where}); }
  /// The remote peers: those that claim a name, those dialled, and those at `stdio:` and a connected `fd:N`.
  result<std::vector<peer_info>> peers() const { return detail::wait(state_, detail::peers_op{}); }
  /// Ends all sessions with a remote peer, which is told the reason. Errors: `not_connected`.
  result<void> drop(std::string_view name, std::string_view reason = "dropped") {
    return detail::wait(state_, detail::drop_op{name, reason});
  }
  /// The name of the next remote peer, round robin. Errors: `not_connected`.
  result<std::string> next_peer() { return detail::wait(state_, detail::next_peer_op{}); }
  /// Serves: `handler` is called with each channel that a remote peer opens for `service`. It runs on a worker, so it
  /// must not block: give it a coroutine (with <duplex/async.hpp>, a function that returns awaitable<void>) or an
  /// actor.
  result<void> serve(std::string_view service, const std::function<void(channel)>& handler) {
    return detail::wait(state_, detail::serve_op{service, &handler, nullptr});
  }
  /// Serves with an actor, which gets `(accept_atom, channel_actor, meta)` and ends the service when it ends. Errors:
  /// `invalid_argument`, `already_exists`, as for the other forms.
  result<void> serve(std::string_view service, const caf::actor& acceptor) {
    return detail::wait(state_, detail::serve_op{service, nullptr, &acceptor});
  }
  /// Serves by `accept(service)`: from now on channels are kept for it, `accept_queue` of them.
  result<void> serve(std::string_view service) {
    return detail::wait(state_, detail::serve_op{service, nullptr, nullptr});
  }
  /// Serves with a coroutine, on the worker of the channel. Needs <duplex/async.hpp>.
  template <class Handler>
  requires requires(Handler h, channel c) { typename decltype(h(c))::executor_type; }
  result<void> serve(std::string_view service, Handler handler);
  /// Waits for the next channel that a remote peer opens for `service`; for any service that nobody serves when empty.
  /// Errors: `already_exists` when a handler has it, `invalid_argument`.
  result<channel> accept(std::string_view service = {}) { return detail::wait(state_, detail::accept_op{service}); }
  /// Opens a channel to `service` at the remote peer `to`, or at the next one when `to` is empty. Errors:
  /// `not_connected`, `unknown_service`, `refused`, `resource_exhausted`, `timed_out`.
  result<channel> open(std::string_view to, std::string_view service, const std::vector<std::string>& headers = {}) {
    return detail::wait(state_, detail::open_op{to, service, &headers});
  }
  /// Measures a round trip to a remote peer, or to the next one. Errors: `not_connected`, `timed_out` after
  /// `open_timeout`.
  result<ping_report> ping(std::string_view name = {}) { return detail::wait(state_, detail::ping_op{name}); }
  /// Options by name, see `options`; sessions that exist keep what they were made with. Errors: `not_found`,
  /// `invalid_argument`.
  result<void> set_option(std::string_view name, std::string_view setting) {
    return detail::wait(state_, detail::set_option_op{name, setting});
  }
  /// The value as text. Errors: `not_found`.
  result<std::string> get_option(std::string_view name) const {
    return detail::wait(state_, detail::get_option_op{name});
  }
  /// Ends the peer: no new channels, a goodbye to all, `linger` for what is in flight.
  result<void> shutdown() { return detail::wait(state_, detail::shutdown_op{}); }

  template <class Token = detail::default_token> auto async_bind(std::string_view where, Token token = {});
  template <class Token = detail::default_token> auto async_unbind(std::string_view where, Token token = {});
  template <class Token = detail::default_token> auto async_connect(std::string_view where, Token token = {});
  template <class Token = detail::default_token> auto async_disconnect(std::string_view where, Token token = {});
  template <class Token = detail::default_token> auto async_peers(Token token = {}) const;
  template <class Token = detail::default_token>
  auto async_drop(std::string_view name, std::string_view reason, Token token = {});
  template <class Token = detail::default_token> auto async_next_peer(Token token = {});
  template <class Token = detail::default_token>
  auto async_serve(std::string_view service, const std::function<void(channel)>& handler, Token token = {});
  template <class Token = detail::default_token> auto async_accept(std::string_view service = {}, Token token = {});
  template <class Token = detail::default_token>
  auto async_open(std::string_view to, std::string_view service, Token token = {});
  template <class Token = detail::default_token>
  auto async_open(std::string_view to, std::string_view service, const std::vector<std::string>& headers,
                  Token token = {});
  template <class Token = detail::default_token> auto async_ping(std::string_view name = {}, Token token = {});
  template <class Token = detail::default_token>
  auto async_set_option(std::string_view name, std::string_view setting, Token token = {});
  template <class Token = detail::default_token> auto async_get_option(std::string_view name, Token token = {}) const;
  template <class Token = detail::default_token> auto async_shutdown(Token token = {});

 private:
  std::shared_ptr<detail::peer_state> state_;
};

}  // namespace duplex
