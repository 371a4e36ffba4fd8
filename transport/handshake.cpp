// SPDX-License-Identifier: BSD-2-Clause
#include "transport/handshake.hpp"

#include "transport/authorized_keys.hpp"
#include "transport/known_hosts.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <cstring>

namespace duplex::transport {
namespace {

// ssh-audit finds nothing to fail in these (libssh-facts.md 10); SHA-1 and NIST curves for the exchange are left out.
constexpr const char* key_exchange = "curve25519-sha256,curve25519-sha256@libssh.org";
constexpr const char* ciphers = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes256-ctr";
constexpr const char* macs = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com";
constexpr const char* signatures =  // of hosts and of users
    "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256";

}  // namespace

void prepare_client(ssh_session of, int fd) {
  const bool off = false;
  ssh_options_set(of, SSH_OPTIONS_PROCESS_CONFIG, &off);
  ssh_set_blocking(of, 0);
  ssh_options_set(of, SSH_OPTIONS_FD, &fd);
  ssh_options_set(of, SSH_OPTIONS_USER, "duplex");
  ssh_options_set(of, SSH_OPTIONS_SSH_DIR,
                  "/");  // nothing of ~/.ssh is used; libssh would ask the system where that is
  ssh_options_set(of, SSH_OPTIONS_KEY_EXCHANGE, key_exchange);
  ssh_options_set(of, SSH_OPTIONS_CIPHERS_C_S, ciphers);
  ssh_options_set(of, SSH_OPTIONS_CIPHERS_S_C, ciphers);
  ssh_options_set(of, SSH_OPTIONS_HMAC_C_S, macs);
  ssh_options_set(of, SSH_OPTIONS_HMAC_S_C, macs);
  ssh_options_set(of, SSH_OPTIONS_HOSTKEYS, signatures);
  ssh_options_set(of, SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES, signatures);
}

std::string libssh_says(ssh_session of) {
  const char* text = ssh_get_error(of);
  const bool nothing = text == nullptr || *text == '\0' || std::string_view{text} == std::strerror(0);
  return nothing ? "the connection was closed" : text;
}

bool is_gone(ssh_session of) {
  return ssh_is_connected(of) == 0 || (ssh_get_status(of) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0;
}

void end_session(ssh_session of, bool politely) noexcept {
  // libssh leaves a socket open that came through this option, even when it lets go of it.
  ssh_options_set(of, SSH_OPTIONS_FD, nullptr);
  if (politely) ssh_disconnect(of);
  ssh_free(of);
}

handshake::handshake(side role, const options& settings, const key& identity, const std::string& where,
                     std::function<void(log_record::level, std::string)> log, std::function<void()> wake)
    : role_(role),
      settings_(settings),
      identity_(identity),
      where_(where),
      log_(std::move(log)),
      wake_(std::move(wake)),
      ssh_(ssh_new()) {
  const auto at = endpoint::parse(where_);
  if (at && at->type() == endpoint::kind::tcp) client_ = at->target();
}

handshake::~handshake() { end({}); }

void handshake::end(const std::string& reason) noexcept {
  interrupt();
  if (ssh_ == nullptr) return;
  if (in_event_ && !reason.empty()) make_writable();
  if (in_event_) ssh_event_remove_session(event_, ssh_);
  in_event_ = false;
  if (!reason.empty()) ssh_session_set_disconnect_message(ssh_, reason.c_str());
  end_session(std::exchange(ssh_, nullptr), !reason.empty());
}

// libssh closes the socket over what it may not write at once, and after any write only a poll tells it that it may.
// What the remote side says meanwhile is dropped: an answer would come before the reason, and need another poll.
void handshake::make_writable() const noexcept {
  int rounds = 64;  // it may go on and on
  char ignored[4096];
  const auto fd = static_cast<int>(ssh_get_fd(ssh_));
  if (fd < 0) return;
  while (rounds-- != 0 && ::recv(fd, ignored, sizeof ignored, MSG_DONTWAIT) > 0) {
  }
  ssh_event_dopoll(event_, 0);
}

// libssh makes the socket blocking within ssh_connect and the key exchange: a large send would then stop the worker.
void handshake::keep_non_blocking() const {
  const auto fd = static_cast<int>(ssh_get_fd(ssh_));  // none when libssh has closed it: the number may be another's
  const int flags = fd < 0 ? -1 : ::fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) == 0) ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

// Why the remote side went, or what else failed. An SSH_MSG_DISCONNECT has libssh close the socket; the error of what
// it does next hides the reason, which it gives out only after an ssh_disconnect of ours.
std::string handshake::last_words() {
  auto said = libssh_says(ssh_);
  if (ssh_get_fd(ssh_) >= 0) return said;
  ssh_disconnect(ssh_);
  const char* reason = ssh_get_disconnect_message(ssh_);
  constexpr std::size_t longest = 1000;  // a sentence, from somebody who is not known yet
  return reason != nullptr && *reason != '\0' ? std::string{reason}.substr(0, longest) : said;
}

result<void> handshake::start(unique_fd socket, ssh_event event) {
  if (ssh_ == nullptr || event == nullptr) return {errc::internal, "libssh gave no session"};
  event_ = event;
  const bool off = false;
  ssh_options_set(ssh_, SSH_OPTIONS_PROCESS_CONFIG, &off);
  const std::uint64_t rekey_bytes = settings_.rekey_limit;
  const auto rekey_seconds = static_cast<std::uint32_t>(settings_.rekey_time.count() / 1000);
  ssh_options_set(ssh_, SSH_OPTIONS_REKEY_DATA, &rekey_bytes);
  ssh_options_set(ssh_, SSH_OPTIONS_REKEY_TIME, &rekey_seconds);
  ssh_set_blocking(ssh_, 0);
  ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
  if (role_ == side::dialler)
    prepare_client(ssh_, socket.get());
  else if (auto started = start_server(socket.get()); !started)
    return started;
  (void)socket.release();  // libssh closes it
  return {};
}

result<void> handshake::start_server(int fd) {
  // Only the carrier of the host key: the session takes copies of all that it holds.
  const ssh_bind_ptr carrier{ssh_bind_new()};
  const bool off = false;
  ssh_key copy = ssh_key_dup(identity_.rep().key.get());
  auto* b = carrier.get();
  if (b == nullptr || copy == nullptr) return {errc::internal, "libssh gave no listener"};
  ssh_bind_options_set(b, SSH_BIND_OPTIONS_PROCESS_CONFIG, &off);
  if (ssh_bind_options_set(b, SSH_BIND_OPTIONS_IMPORT_KEY, copy) != SSH_OK) {
    ssh_key_free(copy);
    return {errc::key_file, "libssh does not take the identity as a host key"};
  }
  ssh_bind_options_set(b, SSH_BIND_OPTIONS_KEY_EXCHANGE, key_exchange);
  ssh_bind_options_set(b, SSH_BIND_OPTIONS_CIPHERS_C_S, ciphers);
  ssh_bind_options_set(b, SSH_BIND_OPTIONS_CIPHERS_S_C, ciphers);
  ssh_bind_options_set(b, SSH_BIND_OPTIONS_HMAC_C_S, macs);
  ssh_bind_options_set(b, SSH_BIND_OPTIONS_HMAC_S_C, macs);
  ssh_bind_options_set(b, SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES, signatures);
  if (ssh_bind_accept_fd(b, ssh_, fd) != SSH_OK) return {errc::internal, std::string{"libssh: "} + ssh_get_error(b)};
  ssh_set_blocking(ssh_, 0);
  callbacks_.userdata = this;
  callbacks_.auth_pubkey_function = [](ssh_session, const char* name, ssh_key offered, char signature_state,
                                       void* user) {
    return static_cast<handshake*>(user)->on_client_key(name, offered, signature_state);
  };
  ssh_callbacks_init(&callbacks_);
  ssh_set_server_callbacks(ssh_, &callbacks_);
  ssh_set_auth_methods(ssh_, SSH_AUTH_METHOD_PUBLICKEY);
  return {};
}

handshake::outcome handshake::fail(errc code, std::string why) {
  if (!failure_) failure_ = {code, std::move(why)};
  return outcome::failed;
}

bool handshake::join_event() { return in_event_ = ssh_event_add_session(event_, ssh_) == SSH_OK; }

handshake::outcome handshake::step() {
  switch (phase_) {
    case phase::keys:
      return exchange_keys();
    case phase::authentication:
      return authenticate();
    case phase::done:
      return outcome::done;
  }
  return outcome::failed;
}

handshake::outcome handshake::exchange_keys() {
  const int rc = role_ == side::acceptor ? ssh_handle_key_exchange(ssh_) : ssh_connect(ssh_);
  keep_non_blocking();
  if (rc == SSH_AGAIN) return outcome::again;
  if (rc != SSH_OK) return fail(errc::connection_failed, "key exchange: " + last_words());
  phase_ = phase::authentication;
  if (role_ == side::acceptor) return join_event() ? outcome::advanced : fail(errc::internal, "libssh gave no event");

  ssh_key raw = nullptr;
  if (ssh_get_server_publickey(ssh_, &raw) != SSH_OK) return fail(errc::host_key, "the host shows no key");
  const auto shown = described(ssh_key_ptr{raw}.get());
  remote_key_ = shown.fingerprint;
  const auto host = endpoint::parse(where_);
  const auto known = check_host_key(settings_, host ? *host : endpoint::tcp(where_, 0), shown);
  if (!known) {
    failure_ = known.error();
    return outcome::failed;
  }
  if (known->empty())
    log_(log_record::level::debug, where_ + " shows " + remote_key_ + ", as expected");
  else
    log_(log_record::level::info, where_ + " shows " + remote_key_ + ", which is new and was added to " + *known);
  return outcome::advanced;
}

handshake::outcome handshake::authenticate() {
  if (role_ == side::acceptor) {
    if (failure_) return outcome::failed;
    if (!signed_by_) return outcome::again;
    // Within libssh the session is authenticated when the answer to the signature is out: this probe is exact.
    ssh_channel probe = ssh_channel_new(ssh_);
    if (probe == nullptr) return outcome::again;
    ssh_channel_free(probe);
    phase_ = phase::done;
    return outcome::done;
  }
  // With its answer has come what signatures the server takes, which libssh asks before it signs with an RSA key: it
  // takes silence for SHA-1 (RFC 8308 sections 2.4 and 3.1).
  if (const int rc = ssh_service_request(ssh_, "ssh-userauth"); rc == SSH_AGAIN && !is_gone(ssh_))
    return outcome::again;
  else if (rc != SSH_OK)
    return fail(errc::connection_failed, "authentication: " + last_words());
  if (!settings_.identity_agent.empty() && !agent_tried_) return authenticate_by_agent();
  if (!identity_.can_sign())
    return fail(errc::auth_failed, where_ + ": " + tried_ + "; the key " + identity_.fingerprint() +
                                       " was not offered: only an agent could sign with it (ssh-add)");
  if (!std::exchange(offered_, true)) log_(log_record::level::debug, "offering the key " + identity_.fingerprint());
  const int rc = ssh_userauth_publickey(ssh_, nullptr, identity_.rep().key.get());
  if (rc == SSH_AUTH_AGAIN && !is_gone(ssh_)) return outcome::again;
  if (rc == SSH_AUTH_SUCCESS) return authenticated();
  const char* banner = ssh_get_serverbanner(ssh_);
  if (rc == SSH_AUTH_DENIED && !is_gone(ssh_) && banner != nullptr && std::strstr(banner, "OpenSSH") != nullptr)
    return fail(errc::auth_failed, where_ + " is no Duplex peer but sshd (" + printable(banner) +
                                       "); name the port that `duplex serve` or a program listens at");
  if ((rc == SSH_AUTH_DENIED || rc == SSH_AUTH_PARTIAL) && !is_gone(ssh_))
    return fail(errc::auth_failed, where_ + " does not accept the key " + identity_.fingerprint() +
                                       "; admit it there with: echo '" + identity_.public_line() +
                                       "' | duplex allow -" + (tried_.empty() ? "" : "; " + tried_));
  return fail(errc::connection_failed, "authentication: " + last_words() + (tried_.empty() ? "" : "; " + tried_));
}

handshake::outcome handshake::authenticated() {
  phase_ = phase::done;
  return join_event() ? outcome::done : fail(errc::internal, "libssh gave no event");
}

handshake::outcome handshake::authenticate_by_agent() {
  if (!agent_) {
    auto found = agent::connect(settings_.identity_agent);
    if (!found) return fail(found.error().code(), found.error().context());
    agent_ = std::move(*found);
    log_(log_record::level::debug, "offering the keys of the ssh-agent at '" + agent_->path() + "'");
  }
  if (!std::exchange(agent_answered_, false)) {
    if (auto started = agent_->step(ssh_, wake_); !started)
      return fail(started.error().code(), started.error().context());
    return outcome::busy;
  }
  const int rc = agent_->join();
  if (rc == SSH_AUTH_SUCCESS) return authenticated();
  const auto at = "the ssh-agent at '" + agent_->path() + "'";
  if (is_gone(ssh_))
    return fail(errc::connection_failed, "authentication with the keys of " + at + ": " + last_words());
  if (rc == SSH_AUTH_AGAIN) return outcome::again;
  agent_tried_ = true;
  tried_ = rc == SSH_AUTH_ERROR ? at + " did not sign" : "no key of " + at + " was accepted";
  // What libssh calls an error here leaves the session whole: an agent that does not sign, or is gone.
  return outcome::advanced;
}

void handshake::resume() {
  if (!busy()) return;
  (void)agent_->join();
  keep_non_blocking();
  agent_answered_ = true;
}

std::string handshake::waits_for() const {
  return busy() ? ": the ssh-agent at '" + agent_->path() + "' has not answered" : "";
}

int handshake::on_client_key(const char* user, ssh_key offered, char signature_state) {
  if (failure_) return SSH_AUTH_DENIED;
  const auto fingerprint = fingerprint_of(offered);
  // A key is asked about once, and shown once with a signature. More of the same is a try each time: each reads the
  // list.
  asked_ = fingerprint == last_offered_ ? asked_ + 1 : 1;
  if (asked_ != 2 && ++tries_ > settings_.max_auth_tries) {
    fail(errc::auth_failed, "Too many authentication failures: more than " + std::to_string(settings_.max_auth_tries) +
                                " keys (option max_auth_tries)");
    return SSH_AUTH_DENIED;
  }
  const auto found = only_ ? only_->check(offered, client_) : authorized_keys::load(settings_).check(offered, client_);
  if (fingerprint != last_offered_)
    log_(found.allowed ? log_record::level::debug : log_record::level::warning,
         (found.allowed ? "key " + fingerprint + " allowed by " : "key refused: ") + found.why);
  last_offered_ = fingerprint;
  if (!found.allowed) return SSH_AUTH_DENIED;
  // The identity that counts is the key that signed, never one that was only offered.
  if (signature_state == SSH_PUBLICKEY_STATE_NONE) return SSH_AUTH_SUCCESS;
  if (signature_state != SSH_PUBLICKEY_STATE_VALID) return SSH_AUTH_DENIED;
  signed_by_.reset(ssh_key_dup(offered));
  if (!signed_by_) return SSH_AUTH_DENIED;
  remote_key_ = fingerprint;
  may_ = found.may;
  user_ = user != nullptr ? user : "";
  return SSH_AUTH_SUCCESS;
}

verdict handshake::judge(const authorized_keys& list) const { return list.check(signed_by_.get(), client_); }

}  // namespace duplex::transport
