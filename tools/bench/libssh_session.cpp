// SPDX-License-Identifier: BSD-2-Clause
#include "tools/bench/libssh_session.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace bench::bare {
namespace {

/// libssh reads at most this at once: less came, and the socket is empty.
constexpr std::uint64_t libssh_read_size = 4096;
constexpr const char* cipher = "aes128-gcm@openssh.com";

ssh_key private_key() {
  static ssh_key key = nullptr;
  if (!key && ssh_pki_import_privkey_file(file("id").c_str(), nullptr, nullptr, nullptr, &key) != SSH_OK)
    fail("id is not a private key");
  return key;
}

/// Both sides have the same key, and each checks that the other has it.
bool is_known(ssh_key shown) {
  static ssh_key known = nullptr;
  if (!known && ssh_pki_import_pubkey_file(file("id.pub").c_str(), &known) != SSH_OK)
    fail("id.pub is not a public key");
  return shown && ssh_key_cmp(shown, known, SSH_KEY_CMP_PUBLIC) == 0;
}

int on_data(ssh_session, ssh_channel, void* data, std::uint32_t size, int, void* self) {
  auto& on = *static_cast<channel*>(self);
  on.user->received(on, {static_cast<const char*>(data), size});
  return static_cast<int>(size);
}

void on_eof(ssh_session, ssh_channel, void* self) {
  auto& on = *static_cast<channel*>(self);
  on.user->ended(on);
}

void on_close(ssh_session, ssh_channel, void* self) {
  auto& on = *static_cast<channel*>(self);
  on.remote_closed = true;
  on.on->close(on);
}

/// libssh clears O_NONBLOCK in each ssh_connect: a large send would block.
void never_block(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (!(flags & O_NONBLOCK)) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/// Packets written between are sent together, where there are several.
class cork {
 public:
  cork(int fd, bool several) : fd_(several ? fd : -1) { set(1); }
  cork(const cork&) = delete;
  ~cork() { set(0); }

 private:
  void set(int on) const {
    if (fd_ >= 0) setsockopt(fd_, IPPROTO_TCP, TCP_CORK, &on, sizeof on);  // refused on unix sockets: no harm
  }
  const int fd_;
};

}  // namespace

session::session(loop& in, int fd, ssh_bind server) : in_(in), is_server_(server), fd_(fd) {
  if (!raw_ || !events_) fail("libssh has no memory");
  configure();
  never_block(fd_);
  if (is_server_) {
    if (ssh_bind_accept_fd(server, raw_, fd_) != SSH_OK) fail(ssh_get_error(server));
    ssh_set_blocking(raw_, 0);
    server_calls_.auth_pubkey_function = on_key;
    ssh_callbacks_init(&server_calls_);
    ssh_set_server_callbacks(raw_, &server_calls_);
    ssh_set_auth_methods(raw_, SSH_AUTH_METHOD_PUBLICKEY);
    ssh_set_message_callback(raw_, on_message, this);
  } else {
    ssh_options_set(raw_, SSH_OPTIONS_FD, &fd_);
    ssh_options_set(raw_, SSH_OPTIONS_USER, "bench");
  }
}

session::~session() {
  for (auto& one : channels_) ssh_remove_channel_callbacks(one.raw, &one.calls);
  if (is_added_) ssh_event_remove_session(events_, raw_);
  ssh_event_free(events_);
  if (!is_dead()) ssh_disconnect(raw_);
  ssh_free(raw_);
  // With SSH_OPTIONS_FD libssh leaves the descriptor open, and epoll would go on telling of it.
  if (!is_server_) ::close(fd_);
}

void session::configure() {
  bool no = false;
  ssh_options_set(raw_, SSH_OPTIONS_PROCESS_CONFIG, &no);
  ssh_options_set(raw_, SSH_OPTIONS_CIPHERS_C_S, cipher);
  ssh_options_set(raw_, SSH_OPTIONS_CIPHERS_S_C, cipher);
  ssh_options_set(raw_, SSH_OPTIONS_KEY_EXCHANGE, "curve25519-sha256");
  ssh_options_set(raw_, SSH_OPTIONS_HOSTKEYS, "ssh-ed25519");
  ssh_set_blocking(raw_, 0);
  ssh_set_counters(raw_, &counted_, &packets_);
}

int session::on_key(ssh_session, const char*, ssh_key_struct* key, char signature_state, void*) {
  const bool may = signature_state == SSH_PUBLICKEY_STATE_VALID || signature_state == SSH_PUBLICKEY_STATE_NONE;
  return may && is_known(key) ? SSH_AUTH_SUCCESS : SSH_AUTH_DENIED;
}

int session::on_message(ssh_session, ssh_message message, void* self) {
  auto& on = *static_cast<session*>(self);
  if (ssh_message_type(message) != SSH_REQUEST_CHANNEL_OPEN || ssh_message_subtype(message) != SSH_CHANNEL_DIRECT_TCPIP)
    return 1;
  const std::string service = ssh_message_channel_request_open_destination(message);
  ssh_channel raw = ssh_message_channel_request_open_reply_accept(message);
  if (!raw) return 1;
  auto& made = on.bind(raw);
  made.is_open = true;
  made.user = on.in_.accept_(service, made);
  return 0;
}

channel& session::bind(ssh_channel raw) {
  auto& made = channels_.emplace_back();
  made.self = std::prev(channels_.end());
  made.on = this;
  made.raw = raw;
  made.calls.userdata = &made;
  made.calls.channel_data_function = on_data;
  made.calls.channel_eof_function = on_eof;
  made.calls.channel_close_function = on_close;
  ssh_callbacks_init(&made.calls);
  ssh_set_channel_callbacks(raw, &made.calls);
  return made;
}

channel& session::open(const char* service, channel_user& user) {
  auto& made = bind(ssh_channel_new(raw_));
  made.user = &user;
  // Returns at once; only ssh_channel_is_open tells of the answer.
  if (ssh_channel_open_forward(made.raw, service, 1, "bench", 0) == SSH_ERROR) fail(error());
  opening_.push_back(&made);
  return made;
}

session::outgoing& session::queued(channel& to) {
  if (queued_ > 0 && out_[queued_ - 1].to == &to && !out_[queued_ - 1].end) return out_[queued_ - 1];
  if (queued_ == out_.size()) out_.emplace_back();
  auto& next = out_[queued_++];
  next.to = &to;
  next.bytes.clear();  // keeps its memory: slots are used again
  next.end = false;
  return next;
}

void session::write(channel& to, std::string_view bytes) { queued(to).bytes += bytes; }

void session::end(channel& which) { queued(which).end = true; }

void session::close(channel& which) {
  if (std::exchange(which.is_closing, true)) return;
  closing_.push_back(&which);
}

std::size_t session::write_now(channel& to, std::string_view bytes) {
  if (write_pending()) poll_once();  // a reply or window adjustment waits for a poll: that sends it
  if (is_dead()) return 0;
  if (write_pending()) return arm(), 0;
  const auto size = std::min<std::size_t>(bytes.size(), ssh_channel_window_size(to.raw));
  if (size == 0) return arm(), 0;
  const int written = ssh_channel_write(to.raw, bytes.data(), static_cast<std::uint32_t>(size));
  if (written < 0) die();
  return written > 0 ? static_cast<std::size_t>(written) : 0;
}

bool session::poll_once() {
  const auto before = counted_.in_bytes;
  const int status = ssh_event_dopoll(events_, 0);
  if (status == SSH_ERROR || (ssh_get_status(raw_) & (SSH_CLOSED | SSH_CLOSED_ERROR))) die();
  return counted_.in_bytes != before;
}

/// One step; whether another may follow at once.
bool session::handshake() {
  if (state_ == state::kex) {
    const int status = is_server_ ? ssh_handle_key_exchange(raw_) : ssh_connect(raw_);
    never_block(fd_);
    if (status == SSH_ERROR) return die(), false;
    if (status == SSH_AGAIN) return false;
    if (!is_server_) {
      ssh_key shown = nullptr;
      if (ssh_get_server_publickey(raw_, &shown) != SSH_OK || !is_known(shown)) fail("the host key is not id.pub");
      ssh_key_free(shown);
    }
    state_ = state::authentication;
    return true;
  }
  if (!is_server_) {
    const int status = ssh_userauth_publickey(raw_, nullptr, private_key());
    if (status == SSH_AUTH_AGAIN) return false;
    if (status != SSH_AUTH_SUCCESS) return die(), false;
  }
  // The server's callbacks do the rest of its authentication: libssh refuses channels before.
  if (ssh_event_add_session(events_, raw_) != SSH_OK) fail("ssh_event_add_session");
  is_added_ = true;
  state_ = state::up;
  return true;
}

void session::advance() {
  for (;;) {
    const auto before = counted_.in_bytes;
    if (state_ == state::up) return pump();
    if (is_dead() || (!handshake() && counted_.in_bytes == before)) return;
  }
}

void session::pump() {
  while (!is_dead()) {
    const auto before = counted_.in_bytes;
    poll_once();
    if (!is_dead()) settle();
    if (counted_.in_bytes - before < libssh_read_size) return arm();
  }
}

/// What a poll has caused. libssh's writes may read, which causes more.
void session::settle() {
  bool was_pending = false;
  for (;;) {
    const auto before = counted_.in_bytes;
    {
      const cork batch(fd_, queued_ + opening_.size() + closing_.size() > 1);  // for one open: nothing gained
      confirm_opens();
      flush();
      finish_closes();
    }
    if (is_dead()) return;
    // Confirmations wait for libssh's next poll; what still waits after that waits for the socket.
    const bool pending = write_pending();
    if (pending && !was_pending) poll_once();
    if (is_dead() || (counted_.in_bytes == before && (was_pending || !pending))) return;
    was_pending = pending;
  }
}

void session::confirm_opens() {
  for (std::size_t i = 0; i < opening_.size();) {
    auto& one = *opening_[i];
    if (!ssh_channel_is_open(one.raw)) {
      ++i;
      continue;
    }
    opening_[i] = opening_.back();
    opening_.pop_back();
    one.is_open = true;
    one.user->opened(one);
  }
}

void session::flush() {
  if (queued_ == 0) return;
  std::swap(out_, sending_);
  const auto count = std::exchange(queued_, 0);
  for (std::size_t i = 0; i < count && !is_dead(); ++i) {
    auto& one = sending_[i];
    const auto written = one.bytes.empty() ? 0 : write_now(*one.to, one.bytes);
    if (written < one.bytes.size()) {
      write(*one.to, std::string_view(one.bytes).substr(written));
      if (one.end) end(*one.to);
    } else if (one.end) {
      ssh_channel_send_eof(one.to->raw);
    }
  }
}

void session::finish_closes() {
  auto now = std::exchange(closing_, {});
  for (auto* one : now) {
    // While bytes wait, this sends only the end of the data and says "again".
    if (!one->close_sent && ssh_channel_close(one->raw) == SSH_AGAIN) {
      if (ssh_channel_close(one->raw) == SSH_AGAIN) {
        closing_.push_back(one);
        continue;
      }
    }
    one->close_sent = true;
    one->is_closing = false;
    if (!one->remote_closed) continue;
    one->user->closed(*one);
    ssh_remove_channel_callbacks(one->raw, &one->calls);
    ssh_channel_free(one->raw);
    channels_.erase(one->self);
  }
  if (closing_.empty() && now.capacity() > 0) {
    now.clear();
    std::swap(closing_, now);
  }
}

void session::die() {
  // The client has nobody left to tell; a server's session is dropped by its loop.
  if (!is_server_) fail(std::string("session: ") + error());
  state_ = state::dead;
}

/// Sleep for writing only while libssh holds bytes back; before it is up only its poll flags tell.
void session::arm() {
  // Not ssh_get_poll_flags: it says WRITE_PENDING for ever after a write, and the dialling would spin.
  const std::uint32_t wanted = EPOLLIN | (write_pending() ? std::uint32_t{EPOLLOUT} : 0);
  if (wanted == registered_) return;
  epoll_event event{};
  event.events = wanted;
  event.data.ptr = this;
  if (epoll_ctl(in_.epoll_, registered_ ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd_, &event) != 0)
    return die();  // libssh has closed it: the other side is gone
  registered_ = wanted;
}

}  // namespace bench::bare
