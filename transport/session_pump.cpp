// SPDX-License-Identifier: BSD-2-Clause
// The session's pump: what moves bytes between the socket, libssh and the streams.
#include "transport/session.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

namespace duplex::transport {
namespace {

constexpr int reads_per_turn = 64;                // 4 KiB each, libssh's read size: then actors get their turn
constexpr std::size_t short_read = 4096;          // a read below libssh's buffer size means the socket is drained
constexpr std::size_t bytes_per_turn = 1U << 20;  // sent before reading gets its turn again
constexpr std::size_t least_batch = 2 * together * frame_header;  // fewer bytes hold no frames to be parted
constexpr std::size_t small_writes = 64U << 10;                   // kept in libssh's buffer at most, beside one packet

}  // namespace

bool session::write_pending() const { return (ssh_get_status(ssh_) & SSH_WRITE_PENDING) != 0; }

// One ssh_event_dopoll; false when it had nothing to read or the session is over.
bool session::poll_once() {
  const int rc = ssh_event_dopoll(event_, 0);
  if (rc != SSH_ERROR && !is_gone(ssh_)) return rc != SSH_AGAIN;
  lose();
  return false;
}

void session::lose() {
  const char* text = ssh_get_error(ssh_);
  on_control();  // the reason may have come with the end
  if (state_ == state::handshake)
    fail(handshake_.failure() ? handshake_.failure() : error{errc::connection_failed, "closed during the handshake"});
  else if (leaving_ && farewell_)
    fail(farewell_);
  else if (goodbye_)
    fail(goodbye_);
  else
    fail({errc::connection_lost, text != nullptr && *text != '\0' ? text : "the remote side is gone"});
}

// The end of a turn: true when the session is over. libssh reads in most calls that send, and closes its socket over a
// last word that it finds there; what holds the connection open (pipes) will tell nothing more.
bool session::finish_turn() {
  deliver();
  if (!failure_ && state_ == state::up && is_gone(ssh_)) lose();
  if (failure_) end();
  return state_ == state::over;
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
      if (outcome == handshake::outcome::busy) break;
      if (outcome == handshake::outcome::again && socket_bytes_.in_bytes == before) break;
      continue;
    }
    after_poll();
    if (!polled || (socket_bytes_.in_bytes - before < short_read && !write_pending())) break;
  }
  in_pump_ = false;
  if (handshake_.busy() || finish_turn()) return;
  // Never wait while something could move: what was blocked may have got its window, what is pending its socket.
  if (state_ == state::up &&
      (!blocked_.empty() || !dirty_.empty() || !gone_.empty() || !to_open_.empty() || write_pending()))
    mark();
  arm();
}

void session::mark() {
  if (state_ != state::over && home() != nullptr) home()->at_turn_end(*this);
}

void session::run() {
  if (state_ != state::up) return;
  const auto heard = packets_.in_packets;
  flush();
  after_poll();  // every libssh call that flushes may also have read
  if (finish_turn()) return;
  leave_when_idle();
  if (failure_) return end();
  if (!blocked_.empty() && packets_.in_packets != heard) mark();  // a window may have opened within the flush
  arm();
}

void session::changed(stream& which) {
  auto& st = static_cast<ssh_stream&>(which);
  if (state_ == state::over) {
    if (st.released_) streams_.erase(&st);
    return;
  }
  if (st.released_ && st.has_children() && !std::exchange(st.children_told_, true)) end_children(st);
  if (!std::exchange(st.dirty_, true)) dirty_.push_back(&st);
  mark();
}

void session::touch(ssh_stream& which) {
  if (!std::exchange(which.touched_, true)) touched_.push_back(&which);
}

void session::set_cork(bool on) {
  const int value = on ? 1 : 0;
  // On our own descriptor of the socket: libssh may have closed its one, and the number may be another's by now.
  ::setsockopt(read_watch_.native_handle(), IPPROTO_TCP, TCP_CORK, &value, sizeof value);
}

// Of many channels, a group's packets leave together, and the remote side works on them while the next are made.
void session::served_one() {
  if (!corked_ || failure_ || ++served_ % together != 0) return;
  set_cork(false);
  set_cork(true);
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
  if (is_gone(ssh_)) return;
  // The packets of several channels leave together. Of two the first need not wait: an answer, often, and behind it the
  // close of the channel before.
  const auto count = dirty_.size() + gone_.size();
  const bool several = is_tcp_ && (count > 2 || (count == 2 && remote_shares_cpu()));
  if (several && !std::exchange(corked_, true)) set_cork(true);
  send_queued();
  send_closes();
  reap();
  send_opens();
  if (std::exchange(corked_, false)) set_cork(false);
  if (!dirty_.empty() && !failure_ && !write_pending())  // the quota is spent: reading first
    boost::asio::post(home()->context(), [self = caf::strong_actor_ptr{ctrl()}, this] {
      detail::run_scope turn{*home()};
      mark();
    });
}

// How much of it leaves at a time. Where one CPU serves both sides, a packet that leaves early gives that CPU away.
std::size_t session::piece_of(const ssh_stream& alone) {
  const auto piece = alone.piece();
  return piece < alone.queued() && is_tcp_ && !remote_shares_cpu() ? piece : small_writes;
}

bool session::remote_shares_cpu() { return is_tcp_ && remote_cpu_.is_ours(read_watch_.native_handle()); }

// Round robin over the streams that have something to send. What is small waits in libssh's buffer for one send() with
// the others; closes wait for the end, because each needs that buffer empty.
void session::send_queued() {
  std::size_t quota = bytes_per_turn, unflushed = 0;
  const bool is_batch = dirty_.size() == 1 && dirty_.front()->queued() >= least_batch;
  const auto piece = is_batch ? piece_of(*dirty_.front()) : small_writes;
  while (!dirty_.empty() && quota != 0 && !failure_) {
    if (unflushed >= piece && write_pending()) {
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
    const auto most = std::min(quota, piece);
    auto left = most;
    switch (st->send(left)) {
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
    quota -= most - left;
    unflushed += most - left;
    served_one();
  }
  if (write_pending() && !failure_) poll_once();
}

void session::send_closes() {
  for (auto* st : std::exchange(closing_, {})) {
    if (write_pending() && !failure_) poll_once();
    if (!failure_ && !write_pending() && st->send_close(ssh_)) {
      st->leave_parent();
      if (st->gone_) look_after(*st);
    } else if (!std::exchange(st->dirty_, true)) {
      dirty_.push_back(st);
    }
    served_one();
  }
}

void session::after_poll() {
  if (!failure_ && !opening_.empty() && !is_gone(ssh_)) scan_opening();
}

void session::deliver() {
  auto list = std::exchange(touched_, {});
  for (auto* st : list) {
    st->touched_ = false;
    look_after(*st);
    if (st == control_)
      on_control();
    else if (std::exchange(st->news_, false))
      st->tell();
    else if (st->readable() || st->errors_readable())
      st->tell_of_data();
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
  const bool pending = write_pending();
  boost::system::error_code ignored;
  if (pending && !writing_) {
    // Asio never drops EPOLLOUT from a descriptor once it has waited for it, and every ACK then wakes the reactor:
    // write waits live on a descriptor of their own, closed after the burst.
    if (!write_watch_.is_open()) write_watch_.assign(::fcntl(read_watch_.native_handle(), F_DUPFD_CLOEXEC, 0), ignored);
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

}  // namespace duplex::transport
