// SPDX-License-Identifier: BSD-2-Clause
#include "transport/session.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <caf/send.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>

namespace duplex::transport {
namespace {

using clock = std::chrono::steady_clock;

constexpr int reads_per_turn = 64;                // 4 KiB each, libssh's read size: then actors get their turn
constexpr std::size_t short_read = 4096;          // a read below libssh's buffer size means the socket is drained
constexpr std::size_t bytes_per_turn = 1U << 20;  // sent before reading gets its turn again
constexpr std::size_t small_writes = 64U << 10;   // kept in libssh's buffer at most, beside one large write
constexpr auto coarse = std::chrono::milliseconds{200};  // how late an open's time limit may be noticed

}  // namespace

session::session(caf::actor_config& config, detail::worker* home, session_setup setup)
    : pinned_actor(config, home),
      setup_(std::move(setup)),
      about_(std::make_shared<session_info>(setup_.about)),
      handshake_(
          setup_.role, *setup_.settings, setup_.identity,
          setup_.role == side::dialler ? about_->dialled : about_->address,
          [this](log_record::level severity, std::string text) { log(severity, std::move(text)); },
          // On an agent's thread, which must not hold the last reference: the session waits for that thread.
          [this, weak = caf::weak_actor_ptr{ctrl()}] {
            this->home()->post([this, weak] {
              const auto alive = weak.lock();
              if (!alive) return;
              handshake_.resume();
              pump();
            });
          }),
      read_watch_(home->context()),
      write_watch_(home->context()),
      tick_(home->context()) {}

session::~session() {
  for (auto& [raw, st] : streams_) st->detach();
  handshake_.end({});
  if (event_ != nullptr) ssh_event_free(event_);
}

caf::behavior session::make_behavior() {
  monitor(setup_.peer);
  set_down_handler([this](const caf::down_msg& gone) { quit(gone.reason); });
  caf::anon_send(setup_.peer, attach_atom_v, caf::actor_cast<caf::actor>(this));
  home()->post([self = caf::strong_actor_ptr{ctrl()}, this] { start(); });
  return {
      [this](open_atom, std::string& service, std::vector<std::string>& headers) { return open(service, headers); },
      [this](drop_atom, const std::string& reason) { leave(errc::closed, reason, true); },
      [this](drain_atom) { leave(errc::closed, "the peer is shutting down", false); },
      [this](close_atom) {
        leave(errc::closed, "the peer is shutting down", false);
        for (const auto& [raw, st] : streams_)
          if (st->channel_) caf::anon_send(st->channel_, close_atom_v);
      },
      [this](forward_atom, const std::string& name, std::uint16_t port, const std::string& from) {
        return open_offered(name, port, from);
      },
      [this](access_atom, authorized_keys_ptr& list) {
        changed_list_ = std::move(list);
        obey_list();
      },
      [this](services_atom, served_names_ptr& names) { setup_.served = std::move(names); },
      [this](ping_atom) -> caf::response_promise {
        auto promise = make_response_promise();
        if (!named_) {
          promise.deliver(to_caf({errc::not_connected, "ping: the session is not up"}));
        } else {
          pings_.push_back({0, {}, promise});
          send_ping();
        }
        return promise;
      },
      [this](claim_atom) { claim(); },
      [this](dead_atom) { quit(to_caf(failure_)); },
  };
}

void session::on_exit() {
  if (!failure_) failure_ = {errc::closed, "the session was ended here"};
  bury();
  setup_.peer = setup_.reporter = nullptr;  // they hold this actor
}

void session::log(log_record::level severity, std::string text) const {
  if (setup_.settings->log) setup_.settings->log({severity, "session", about_->address + ": " + std::move(text)});
}

void session::start() {
  if (state_ == state::over) return;
  fd_ = setup_.socket.get();
  const int one = 1;
  is_tcp_ = ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0;
  event_ = ssh_event_new();
  if (auto started = handshake_.start(std::move(setup_.socket), event_); !started) {
    fail(started.error());
    return bury();
  }
  ssh_ = handshake_.get();
  ssh_set_counters(ssh_, &socket_bytes_, &packets_);
  ssh_set_message_callback(
      ssh_, [](ssh_session, ssh_message m, void* user) { return static_cast<session*>(user)->on_message(m); }, this);
  boost::system::error_code failed;
  read_watch_.assign(::dup(fd_), failed);  // libssh closes its own descriptor
  if (failed) {
    fail({errc::io, "descriptor: " + failed.message()});
    return bury();
  }
  const auto limit =
      setup_.role == side::acceptor ? setup_.settings->login_grace_time : setup_.settings->connect_timeout;
  deadline_ = clock::now() + limit;
  arm_tick();
  pump();
}

bool session::write_pending() const { return (ssh_get_status(ssh_) & SSH_WRITE_PENDING) != 0; }

// One ssh_event_dopoll; false when it had nothing to read or the session is over.
bool session::poll_once() {
  const int rc = ssh_event_dopoll(event_, 0);
  // libssh reports a lost connection through dopoll, a protocol or MAC error only through the status, and a remote
  // SSH_MSG_DISCONNECT, after which it has closed its socket, through neither.
  if (rc == SSH_ERROR || (ssh_get_status(ssh_) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0 || ssh_is_connected(ssh_) == 0) {
    const char* text = ssh_get_error(ssh_);
    on_control();  // the reason may have come with the end
    if (state_ == state::handshake)
      fail(handshake_.failure() ? handshake_.failure() : error{errc::connection_failed, "closed during the handshake"});
    else if (goodbye_)
      fail(goodbye_);
    else
      fail({errc::connection_lost, text != nullptr && *text != '\0' ? text : "the remote side is gone"});
    return false;
  }
  return rc != SSH_AGAIN;
}

void session::pump() {
  if (in_pump_ || state_ == state::over || handshake_.busy()) return;
  in_pump_ = true;
  for (int i = 0; i < reads_per_turn && !failure_; ++i) {
    const auto before = socket_bytes_.in_bytes;
    bool polled = true;
    if (handshake_.in_event()) polled = poll_once();
    if (!failure_ && state_ == state::handshake) {
      const auto outcome = handshake_.step();
      if (outcome == handshake::outcome::failed) fail(handshake_.failure());
      if (outcome == handshake::outcome::done) established();
      if (outcome == handshake::outcome::busy) {
        in_pump_ = false;
        return;
      }
      if (outcome == handshake::outcome::again && !handshake_.in_event() && socket_bytes_.in_bytes == before) break;
      continue;
    }
    after_poll();
    if (!polled || (socket_bytes_.in_bytes - before < short_read && !write_pending())) break;
  }
  in_pump_ = false;
  deliver();
  if (failure_) return bury();
  // Never wait while something could move: what was blocked may have got its window, what is pending its socket.
  if (state_ == state::up &&
      (!blocked_.empty() || !dirty_.empty() || !gone_.empty() || !to_open_.empty() || write_pending()))
    mark();
  arm();
}

void session::established() {
  state_ = state::up;
  about_->remote_key = handshake_.remote_key();
  about_->user = printable(handshake_.user());
  heard_bytes_ = socket_bytes_.in_bytes;
  next_alive_ = clock::now() + setup_.settings->alive_interval;
  if (setup_.role == side::acceptor) {
    may_ = handshake_.may();
    about_->key_comment = may_->comment();
    if (changed_list_ && !obey_list()) return;
    log(log_record::level::info, "authenticated as " + about_->remote_key);
    if (setup_.reporter) caf::anon_send(setup_.reporter, authed_atom_v, caf::actor_cast<caf::actor>(this));
    setup_.reporter = nullptr;
    caf::anon_send(setup_.peer, up_atom_v, caf::actor_cast<caf::actor>(this),
                   session_info_ptr{std::make_shared<session_info>(*about_)});
  } else {
    open_control();
  }
  arm_tick();
}

// The access list has changed: what the key may do now. False when it may not even be here any more.
bool session::obey_list() {
  if (setup_.role != side::acceptor || state_ != state::up || farewell_) return true;
  const auto found = handshake_.judge(*std::exchange(changed_list_, nullptr));
  if (!found.allowed) {
    log(log_record::level::warning, "ending: " + found.why);
    leave(errc::auth_failed, "the key " + about_->remote_key + " is no longer allowed", true);
    return false;
  }
  may_ = found.may;
  if (named_ && !may_->may_claim(about_->remote_name)) {
    leave(errc::auth_failed, "the key " + about_->remote_key + " may no longer claim '" + about_->remote_name + '\'',
          true);
    return false;
  }
  for (const auto& one : std::vector{offers_})
    if (!may_->may_listen(one.name, one.port)) withdraw(one);
  if (about_->key_comment == may_->comment()) return true;
  auto known = std::make_shared<session_info>(*about_);
  known->key_comment = may_->comment();
  about_ = std::move(known);
  return true;
}

void session::mark() {
  if (state_ != state::over && home() != nullptr) home()->at_turn_end(*this);
}

void session::run() {
  if (state_ != state::up) return;
  const auto heard = packets_.in_packets;
  flush();
  after_poll();  // every libssh call that flushes may also have read
  deliver();
  if (failure_) return bury();
  leave_when_idle();
  if (failure_) return bury();
  if (!blocked_.empty() && packets_.in_packets != heard) mark();  // a window may have opened within the flush
  arm();
}

void session::changed(stream& which) {
  auto& st = static_cast<ssh_stream&>(which);
  if (state_ == state::over) {
    if (st.released_) streams_.erase(&st);
    return;
  }
  if (!std::exchange(st.dirty_, true)) dirty_.push_back(&st);
  mark();
}

void session::touch(ssh_stream& which) {
  if (!std::exchange(which.touched_, true)) touched_.push_back(&which);
}

void session::set_cork(bool on) {
  const int value = on ? 1 : 0;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_CORK, &value, sizeof value);
}

void session::flush() {
  for (auto* st : std::exchange(blocked_, {})) {
    st->blocked_ = false;
    if (!std::exchange(st->dirty_, true)) dirty_.push_back(st);
  }
  // Pending does not mean "socket full": opens and confirmations wait for libssh's next poll. Without this one a
  // session that keeps opening never gets to its closes.
  if (write_pending()) poll_once();
  if (failure_) return;
  send_opens();
  const bool cork = is_tcp_ && dirty_.size() + gone_.size() > 1;
  if (cork) set_cork(true);
  send_queued();
  send_closes();
  reap();
  send_opens();
  if (cork) set_cork(false);
  if (!dirty_.empty() && !failure_ && !write_pending())  // the quota is spent: reading first
    boost::asio::post(home()->context(), [self = caf::strong_actor_ptr{ctrl()}, this] {
      detail::run_scope turn{*home()};
      mark();
    });
}

// Round robin over the streams that have something to send. What is small waits in libssh's buffer for one send() with
// the others; closes wait for the end, because each needs that buffer empty.
void session::send_queued() {
  std::size_t quota = bytes_per_turn, unflushed = 0;
  while (!dirty_.empty() && quota != 0 && !failure_) {
    if (unflushed >= small_writes && write_pending()) {
      poll_once();
      if (failure_ || write_pending()) break;  // bounds libssh's buffer; Asio waits until the socket takes more
      unflushed = 0;
    }
    auto* st = dirty_.front();
    dirty_.pop_front();
    st->dirty_ = false;
    if (st->ch_ == nullptr) {
      if (st->released_) forget(*st);
      continue;
    }
    if (st->stalled_ || st->stalled_errors_) {
      const bool some = st->pull();
      if (some || (st->eof_ && st->ended())) {  // the end counts only once libssh holds nothing back
        st->news_ = true;
        touch(*st);
      }
    }
    const auto quota_before = quota;
    switch (st->send(quota)) {
      case ssh_stream::progress::idle:
        break;
      case ssh_stream::progress::more:
        if (!std::exchange(st->dirty_, true)) dirty_.push_back(st);
        break;
      case ssh_stream::progress::no_window:
        if (!std::exchange(st->blocked_, true)) blocked_.push_back(st);
        break;
      case ssh_stream::progress::to_close:
        closing_.push_back(st);
        break;
    }
    unflushed += quota_before - quota;
  }
  if (write_pending() && !failure_) poll_once();
}

void session::send_closes() {
  for (auto* st : std::exchange(closing_, {})) {
    if (write_pending() && !failure_) poll_once();
    if (!failure_ && !write_pending() && st->send_close(ssh_)) {
      if (st->gone_) look_after(*st);
    } else if (!std::exchange(st->dirty_, true)) {
      dirty_.push_back(st);
    }
  }
}

void session::after_poll() {
  if (failure_) return;
  if (!opening_.empty()) scan_opening();
}

void session::deliver() {
  auto list = std::exchange(touched_, {});
  for (auto* st : list) {
    st->touched_ = false;
    look_after(*st);
    if (st == control_)
      on_control();
    else if (st->news_ || st->readable() || st->errors_readable())
      st->news_ = false, st->tell();
  }
  list.clear();
  if (touched_.empty()) touched_ = std::move(list);  // keeps the capacity
}

void session::arm() {
  if (state_ == state::over) return;
  if (!std::exchange(reading_, true)) {
    read_watch_.async_wait(read_watch_.wait_read,
                           [self = caf::strong_actor_ptr{ctrl()}, this](boost::system::error_code failed) {
                             detail::run_scope turn{*home()};
                             reading_ = false;
                             if (!failed) pump();
                           });
  }
  // ssh_get_poll_flags stays set after any send, so it counts during the handshake only.
  const bool pending =
      write_pending() || (state_ == state::handshake && (ssh_get_poll_flags(ssh_) & SSH_WRITE_PENDING) != 0);
  boost::system::error_code ignored;
  if (pending && !writing_) {
    // Asio never drops EPOLLOUT from a descriptor once it has waited for it, and every ACK then wakes the reactor:
    // write waits live on a descriptor of their own, closed after the burst.
    if (!write_watch_.is_open()) write_watch_.assign(::dup(fd_), ignored);
    if (ignored) return;
    writing_ = true;
    write_watch_.async_wait(write_watch_.wait_write,
                            [self = caf::strong_actor_ptr{ctrl()}, this](boost::system::error_code failed) {
                              detail::run_scope turn{*home()};
                              writing_ = false;
                              if (!failed) pump();
                            });
  } else if (!pending && !writing_ && write_watch_.is_open() && dirty_.empty() && blocked_.empty()) {
    write_watch_.close(ignored);
  }
}

void session::fail(error why) {
  if (!failure_) failure_ = std::move(why);
}

// Outside any libssh callback: tells everybody, then lets libssh go.
void session::bury() {
  handshake_.interrupt();
  if (std::exchange(state_, state::over) == state::over) return;
  assert(!in_pump_);
  log(log_record::level::info, "ended: " + failure_.message());
  if (home() != nullptr) home()->forget(*this);
  boost::system::error_code ignored;
  read_watch_.close(ignored);
  write_watch_.close(ignored);
  tick_.cancel();
  to_open_.clear();
  for (auto* list : {&opening_, &touched_, &blocked_, &closing_, &gone_}) list->clear();
  dirty_.clear();
  // A channel that the remote side did not close is cut off, however politely the session ended.
  const error cut = failure_.code() == errc::closed ? error{errc::connection_lost, failure_.context()} : failure_;
  for (auto it = streams_.begin(); it != streams_.end();) {
    auto& st = *it->second;
    if (!st.gone_ && !st.failure_) st.failure_ = cut;
    if (ssh_ != nullptr && (st.stalled_ || st.stalled_errors_)) st.pull_all();
    st.detach();
    st.closed_ = true;
    st.discard();
    if (st.released_ || &st == control_) {
      it = streams_.erase(it);
    } else {
      st.tell();
      ++it;
    }
  }
  control_ = nullptr;
  for (auto& waiting : std::exchange(pings_, {})) waiting.answer.deliver(to_caf(failure_));
  // A client is told why in words of SSH: what it prints is all that its user sees.
  const bool denied = setup_.role == side::acceptor && failure_.code() == errc::auth_failed;
  handshake_.end(farewell_ ? farewell_.context() : denied ? failure_.context() : std::string{});
  ssh_ = nullptr;
  setup_.make_channel = nullptr;
  caf::anon_send(caf::actor_cast<caf::actor>(this), dead_atom_v);
}

// Lazy: a tick that comes too early arms itself again, which is cheaper than moving the timer with every open.
void session::arm_tick() {
  auto due =
      state_ == state::handshake || (setup_.role == side::dialler && !named_) || leaving_ ? deadline_ : next_alive_;
  if (!opening_.empty()) due = std::min(due, clock::now() + coarse);
  if (tick_due_ <= due) return;
  tick_due_ = due;
  tick_.expires_at(due);
  tick_.async_wait([self = caf::strong_actor_ptr{ctrl()}, this](boost::system::error_code cancelled) {
    if (cancelled || state_ == state::over) return;
    detail::run_scope turn{*home()};
    tick_due_ = clock::time_point::max();
    on_tick();
  });
}

void session::on_tick() {
  const auto now = clock::now();
  const bool named = named_ || (setup_.role == side::acceptor && state_ == state::up);
  if (!named && now >= deadline_)
    fail({errc::timed_out, setup_.role == side::acceptor
                               ? "not authenticated within login_grace_time"
                               : "no session within connect_timeout" + handshake_.waits_for()});
  if (leaving_ && now >= deadline_) fail(farewell_);
  for (auto* st : opening_)
    if (now >= st->answer_due_) st->fail({errc::timed_out, "the remote peer neither keeps nor refuses the channel"});
  if (state_ == state::up && now >= next_alive_) {
    next_alive_ = now + setup_.settings->alive_interval;
    silent_ = socket_bytes_.in_bytes == heard_bytes_ ? silent_ + 1 : 0;
    heard_bytes_ = socket_bytes_.in_bytes;
    if (silent_ >= setup_.settings->alive_count_max)
      fail({errc::connection_lost, "nothing heard for " + std::to_string(silent_) + " intervals of alive_interval"});
    else
      send_ping();
  }
  deliver();
  if (failure_) return bury();
  arm_tick();
}

}  // namespace duplex::transport
