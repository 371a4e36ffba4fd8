// SPDX-License-Identifier: BSD-2-Clause
#pragma once
#include "tools/bench/harness.hpp"

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// As much around libssh as a program needs that drives many sessions from one thread, and no more: what libssh itself
/// costs. Plain level-triggered epoll on libssh's own descriptor: with one poll per wake-up that is 4 system calls per
/// echo and side (epoll_wait, poll, recv, send; getpid of OpenSSL's padding aside).
namespace bench::bare {

class session;
struct channel;

/// What happens on a channel. Called inside libssh's poll: writes are queued until it is over, as libssh's own writes
/// may poll.
class channel_user {
 public:
  virtual ~channel_user() = default;
  virtual void opened(channel&) {}
  virtual void received(channel&, std::string_view) {}
  virtual void ended(channel&) {}
  /// Both sides have closed; the channel is gone after this. Called outside the poll.
  virtual void closed(channel&) {}
};

struct channel {
  session* on = nullptr;
  ssh_channel raw = nullptr;
  channel_user* user = nullptr;
  std::unique_ptr<channel_user> owned;  ///< the user, where each channel has its own
  bool is_open = false, is_closing = false, close_sent = false, remote_closed = false;
  ssh_channel_callbacks_struct calls{};
  std::list<channel>::iterator self;
};

/// Gives the user of a channel that the client opens, owned by it or not.
using acceptor = channel_user* (*)(std::string_view service, channel& of);

/// All sessions of one thread.
class loop {
 public:
  explicit loop(std::size_t busy_poll_us);
  loop(const loop&) = delete;
  ~loop();
  /// Listens on an address (host:port, or a path), whose connections become sessions; returns the real address.
  std::string listen(const std::string& at, acceptor accept);
  /// A client's session: connected, both sides authenticated.
  session& dial(const std::string& to);
  void drop(session&);
  /// From now on the caller waits for the session's socket, which this returns, and pumps.
  int leave(session&);
  /// Sleeps until something happens, and has it happen.
  void wait();
  template <class Condition> void until(Condition done) {
    while (!done()) wait();
  }

 private:
  friend class session;
  void accept_one();
  bool spin();
  const std::size_t busy_poll_us_;
  const int epoll_;
  int listening_ = -1;
  ssh_bind bind_ = nullptr;
  acceptor accept_ = nullptr;
  std::list<session> sessions_;
};

/// Bound to the thread of its loop.
class session {
 public:
  session(loop& in, int fd, ssh_bind server);
  session(const session&) = delete;
  ~session();
  bool is_up() const { return state_ == state::up; }
  bool is_dead() const { return state_ == state::dead; }

  channel& open(const char* service, channel_user& user);
  /// Queues; it goes out after the poll, or by pump().
  void write(channel& to, std::string_view bytes);
  /// Writes from the caller's memory, as much as libssh takes now: its window, and nothing while it holds bytes back.
  std::size_t write_now(channel& to, std::string_view bytes);
  void end(channel& which);
  void close(channel& which);
  /// What the socket holds, and what is queued.
  void pump();
  /// One poll of libssh; whether bytes came.
  bool poll_once();
  const char* error() const { return ssh_get_error(raw_); }

 private:
  friend class loop;
  enum class state { kex, authentication, up, dead };
  struct outgoing {
    channel* to;
    std::string bytes;
    bool end;
  };
  void configure();
  bool handshake();
  void advance();
  void settle();
  void confirm_opens();
  void flush();
  void finish_closes();
  void arm();
  void die();
  bool write_pending() const { return (ssh_get_status(raw_) & SSH_WRITE_PENDING) != 0; }
  channel& bind(ssh_channel raw);
  outgoing& queued(channel& to);
  static int on_message(ssh_session, ssh_message message, void* self);
  static int on_key(ssh_session, const char* user, ssh_key_struct* key, char signature_state, void*);

  loop& in_;
  const bool is_server_;
  const int fd_;
  state state_ = state::kex;
  ssh_session raw_ = ssh_new();
  ssh_event events_ = ssh_event_new();
  ssh_counter_struct counted_{}, packets_{};
  ssh_server_callbacks_struct server_calls_{};
  bool is_added_ = false;
  std::uint32_t registered_ = 0;
  std::list<channel> channels_;
  std::vector<channel*> opening_, closing_;
  std::vector<outgoing> out_, sending_;
  std::size_t queued_ = 0;
  std::list<session>::iterator self_;
};

}  // namespace bench::bare
