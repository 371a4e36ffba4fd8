// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/endpoint.hpp>
#include <duplex/key.hpp>
#include <duplex/options.hpp>

#include "transport/agent.hpp"
#include "transport/authorized_keys.hpp"
#include "transport/open_record.hpp"
#include "transport/ssh_ptr.hpp"
#include "transport/unique_fd.hpp"

#include <libssh/callbacks.h>

#include <functional>
#include <memory>
#include <string>

namespace duplex::transport {

/// Makes a session a non-blocking client on a connected socket, with our algorithms.
void prepare_client(ssh_session of, int fd);
/// What libssh has to say about its last failure.
std::string libssh_says(ssh_session of);
/// Whether the connection is over. Only this tells of a protocol or MAC error and of an SSH_MSG_DISCONNECT, after which
/// libssh has closed its socket: what reads says nothing, and authentication goes on saying SSH_AUTH_AGAIN.
bool is_gone(ssh_session of);
/// Frees the session and closes its socket, after an SSH_MSG_DISCONNECT when `politely`.
void end_session(ssh_session of, bool politely) noexcept;

/// *Worker-bound.* Takes a connected socket to an authenticated SSH session, in either role, without blocking: call
/// `step` whenever the socket is ready. Owns the ssh_session.
class handshake {
 public:
  /// `busy`: an agent's thread has the session; nobody else may touch it until `resume`.
  enum class outcome { again, advanced, busy, done, failed };

  /// `where`: the endpoint that is dialled, or of the client. `wake` is called on another thread when it is time to
  /// call `resume`, on the worker, and then `step`.
  handshake(side role, const options& settings, const key& identity, const std::string& where,
            std::function<void(log_record::level, std::string)> log, std::function<void()> wake);
  ~handshake();
  handshake(const handshake&) = delete;
  handshake& operator=(const handshake&) = delete;

  /// Takes the socket over; it is libssh's from now on. Errors: `internal`.
  result<void> start(unique_fd socket, ssh_event event);
  /// For an acceptor: that list counts, instead of the one that the options name.
  void admit_only(authorized_keys_ptr list) { only_ = std::move(list); }
  outcome step();
  [[nodiscard]] bool busy() const noexcept { return agent_ && agent_->busy(); }
  void resume();
  /// Takes the session back from the agent's thread; for the end.
  void interrupt() noexcept { agent_.reset(); }
  /// For the text of a time-out: whom it waits for, if that is not the remote side.
  [[nodiscard]] std::string waits_for() const;

  [[nodiscard]] ssh_session get() const noexcept { return ssh_; }
  /// True once the session takes part in `event`: from then on ssh_event_dopoll drives it.
  [[nodiscard]] bool in_event() const noexcept { return in_event_; }
  [[nodiscard]] const error& failure() const noexcept { return failure_; }
  /// The fingerprint of the key that signed for the remote side.
  [[nodiscard]] const std::string& remote_key() const noexcept { return remote_key_; }
  /// What the key that signed for the client may do.
  [[nodiscard]] const permissions_ptr& may() const noexcept { return may_; }
  /// What another access list says of that key.
  [[nodiscard]] verdict judge(const authorized_keys& list) const;
  /// The user name that the client gave.
  [[nodiscard]] const std::string& user() const noexcept { return user_; }
  /// Ends the session: SSH_MSG_DISCONNECT with the reason, unless that is empty, then the socket. No ssh_channel may be
  /// used after it.
  void end(const std::string& reason) noexcept;

 private:
  enum class phase { keys, authentication, done };

  result<void> start_server(int fd);
  outcome exchange_keys();
  outcome authenticate();
  outcome authenticate_by_agent();
  outcome authenticated();
  outcome fail(errc code, std::string why);
  bool join_event();
  int on_client_key(const char* user, ssh_key offered, char signature_state);
  void keep_non_blocking() const;
  std::string last_words();
  void make_writable() const noexcept;

  side role_;
  const options& settings_;
  const key& identity_;
  std::string where_, client_;  // the client's address without its port; empty on unix sockets
  std::function<void(log_record::level, std::string)> log_;
  std::function<void()> wake_;
  ssh_session ssh_;
  ssh_event event_ = nullptr;
  ssh_server_callbacks_struct callbacks_{};
  phase phase_ = phase::keys;
  bool in_event_ = false;
  std::unique_ptr<agent> agent_;
  bool agent_answered_ = false, agent_tried_ = false, offered_ = false;
  std::string tried_;  // for the last error: what came of the agent
  std::uint64_t tries_ = 0, asked_ = 0;
  std::string remote_key_, last_offered_, user_;
  ssh_key_ptr signed_by_;
  permissions_ptr may_;
  authorized_keys_ptr only_;
  error failure_;
};

}  // namespace duplex::transport
