// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/channel.hpp>
#include <duplex/operations.hpp>
#include <duplex/options.hpp>
#include <duplex/peer_actor.hpp>
#include <duplex/runtime.hpp>

#include <functional>
#include <string>
#include <vector>

namespace duplex {

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
  /// For the library.
  [[nodiscard]] const std::shared_ptr<detail::peer_state>& state() const noexcept { return state_; }

  /// Listens, and returns the endpoint with the real port; at `stdio:` or a connected `fd:N` serves the one session
  /// there, until that is over (event `ended`). Errors: `invalid_argument`, `address_in_use`,
  /// `already_exists`, `unsupported`, `connection_failed` for a host name that does not exist, `key_file` when only an
  /// agent has the private key, `io`.
  result<endpoint> bind(std::string_view where) { return detail::wait(state_, detail::bind_op{where}); }
  /// Stops listening; sessions stay. The endpoint is free when this returns. Errors: `not_found`.
  result<void> unbind(std::string_view where) { return detail::wait(state_, detail::unbind_op{where}); }
  /// Connects, and stays connected: dials again whenever the session is lost. Returns when the first attempt succeeded
  /// or failed; attempts go on after `connection_failed`, `timed_out` and `io`, and not after what `is_permanent`, as
  /// `auth_failed` and `host_key` (event `ended`). The command of `exec:` is run anew each time; when the session is
  /// over it gets the end of its stdin, soon SIGTERM, and SIGKILL after `linger`. Errors also: `invalid_argument`,
  /// `unsupported`.
  result<peer_info> connect(std::string_view where) { return detail::wait(state_, detail::connect_op{where}); }
  /// Stops dialling there and ends the session. Errors: `not_found`.
  result<void> disconnect(std::string_view where) { return detail::wait(state_, detail::disconnect_op{where}); }
  /// The remote peers: those that claim a name, those dialled, and those at `stdio:` and a connected `fd:N`.
  result<std::vector<peer_info>> peers() const { return detail::wait(state_, detail::peers_op{}); }
  /// All sessions, those of stock clients too, and the channels of each with their age and what is queued. Asks every
  /// session; one that says nothing within a second is listed without its channels.
  result<std::vector<session_report>> sessions() const { return detail::wait(state_, detail::sessions_op{}); }
  /// What this peer is: its name, its key, where it is bound.
  result<peer_report> self() const { return detail::wait(state_, detail::self_op{}); }
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
  requires detail::coroutine_handler<Handler> result<void> serve(std::string_view service, Handler handler);
  /// Waits for the next channel that a remote peer opens for `service`; for any service that nobody serves when empty.
  /// Errors: `already_exists` when a handler has it, `invalid_argument`.
  result<channel> accept(std::string_view service = {}) { return detail::wait(state_, detail::accept_op{service}); }
  /// Opens a channel to `service` at the remote peer `to`, or at the next one when `to` is empty. While an endpoint is
  /// being dialled, it waits up to `open_timeout` for a remote peer that is not there yet. Errors:
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
  template <class Token = detail::default_token> auto async_sessions(Token token = {}) const;
  template <class Token = detail::default_token> auto async_self(Token token = {}) const;
  template <class Token = detail::default_token>
  auto async_drop(std::string_view name, std::string_view reason, Token token = {});
  template <class Token = detail::default_token> auto async_next_peer(Token token = {});
  template <class Token = detail::default_token>
  auto async_serve(std::string_view service, const std::function<void(channel)>& handler, Token token = {});
  template <class Handler, class Token = detail::default_token>
  requires detail::coroutine_handler<Handler>
  auto async_serve(std::string_view service, Handler handler, Token token = {});
  template <class Token = detail::default_token>
  auto async_serve(std::string_view service, const caf::actor& acceptor, Token token = {});
  /// With nullptr as `serve(service)`: for `accept`.
  template <class Token = detail::default_token>
  auto async_serve(std::string_view service, std::nullptr_t, Token token = {});
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

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::peer)
