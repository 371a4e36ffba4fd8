// SPDX-License-Identifier: BSD-2-Clause
// The session's life: from its start through the handshake to its end, and what ticks meanwhile.
#include "transport/session.hpp"

#include <caf/send.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>

namespace duplex::transport {
namespace {

using clock = std::chrono::steady_clock;

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
      tick_(home->context()) {
  if (setup_.role == side::acceptor) rights_ = std::make_shared<key_rights>();
  about_->rights = rights_ ? duplex::rights{rights_} : every_service();
}

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
      [this](open_atom, std::string& service, std::vector<std::string>& headers) {
        return open(service, headers, std::nullopt);
      },
      [this](open_atom, std::string& service, std::vector<std::string>& headers, channel_id parent) {
        return open(service, headers, parent);
      },
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
        if (setup_.admitted) return;
        // A login reads the list for itself, and later; but the list that its session was made with.
        const bool same = list->source() == setup_.settings->authorized_keys;
        if (state_ == state::handshake && !handshake_.may() && same) return;
        changed_list_ = std::move(list);
        obey_list();
      },
      [this](services_atom, served_names_ptr& names) { setup_.served = std::move(names); },
      [this](ping_atom) -> caf::response_promise {
        auto promise = make_response_promise();
        if (state_ != state::up || !named_) {  // one that came after the end would never be answered
          promise.deliver(to_caf({errc::not_connected, "ping: the session is not up"}));
        } else {
          pings_.add(promise);
          send_ping();
        }
        return promise;
      },
      [this](report_atom) {
        channel_loads all;
        for (const auto& [raw, st] : streams_) st->report(all);
        return all;
      },
      [this](claim_atom) { claim(); },
      [this](dead_atom) { quit(to_caf(failure_)); },
  };
}

void session::on_exit() {
  if (!failure_) failure_ = {errc::closed, "the session was ended here"};
  bury();
  demonitor(setup_.peer);                   // else the peer would remember every session it has had
  setup_.peer = setup_.reporter = nullptr;  // they hold this actor
}

void session::log(log_record::level severity, std::string text) const {
  if (setup_.settings->log) setup_.settings->log({severity, "session", about_->address + ": " + std::move(text)});
}

void session::start() {
  if (state_ == state::over) return;
  const int fd = setup_.socket.get();
  const int one = 1;
  is_tcp_ = ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0;
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  boost::system::error_code failed;
  read_watch_.assign(::fcntl(fd, F_DUPFD_CLOEXEC, 0), failed);  // libssh closes its own descriptor
  if (failed) {
    fail({errc::io, "descriptor: " + failed.message()});
    return end();
  }
  event_ = ssh_event_new();
  if (setup_.admitted) handshake_.admit_only(setup_.admitted);
  if (auto started = handshake_.start(std::move(setup_.socket), event_); !started) {
    fail(started.error());
    return end();
  }
  ssh_ = handshake_.get();
  ssh_set_counters(ssh_, &socket_bytes_, &packets_);
  ssh_set_message_callback(
      ssh_, [](ssh_session, ssh_message m, void* user) { return static_cast<session*>(user)->on_message(m); }, this);
  const auto limit =
      setup_.role == side::acceptor ? setup_.settings->login_grace_time : setup_.settings->connect_timeout;
  deadline_ = clock::now() + limit;
  arm_tick();
  pump();
}

void session::established() {
  state_ = state::up;
  about_->authenticated = clock::now();
  about_->remote_key = handshake_.remote_key();
  about_->user = printable(handshake_.user());
  heard_bytes_ = socket_bytes_.in_bytes;
  next_alive_ = clock::now() + setup_.settings->alive_interval;
  if (setup_.role == side::acceptor) {
    may_ = handshake_.may();
    rights_->follow(may_);
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

void session::fail(error why) {
  if (!failure_) failure_ = std::move(why);
}

void session::end() {
  if (state_ == state::over) return;
  const auto self = caf::actor_cast<caf::actor>(this);  // a wait that is cancelled may hold the last reference
  bury();
  caf::anon_send(self, dead_atom_v);
}

// Outside any libssh callback: tells everybody, then lets libssh go. Also on_exit's, so nothing here may refer to this
// actor: it may be in its destructor.
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
  early_.clear();
  for (auto* list : {&opening_, &touched_, &blocked_, &closing_, &gone_}) list->clear();
  dirty_.clear();
  // A channel that the remote side did not close is cut off, however politely the session ended.
  const error cut = failure_.code() == errc::closed ? error{errc::connection_lost, failure_.context()} : failure_;
  // Pulling may read the socket, and so bring requests: what would end a stream from within that is refused.
  for (const auto& [raw, st] : streams_) st->asking_.reset(), st->forget_family();
  std::vector<caf::actor> channels;
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
      channels.push_back(st.tell_and_leave());
      ++it;
    }
  }
  control_ = nullptr;
  pings_.fail(failure_);
  // A client is told why in words of SSH: what it prints is all that its user sees.
  const bool denied = setup_.role == side::acceptor && failure_.code() == errc::auth_failed;
  handshake_.end(farewell_ ? farewell_.context() : denied ? failure_.context() : std::string{});
  ssh_ = nullptr;
  setup_.make_channel = nullptr;
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
                               ? "not authenticated " + within(*setup_.settings, "login_grace_time")
                               : "no session " + within(*setup_.settings, "connect_timeout") + handshake_.waits_for()});
  if (leaving_ && now >= deadline_) fail(farewell_);
  for (auto* st : opening_)
    if (now >= st->answer_due_) st->fail({errc::timed_out, "the remote peer neither keeps nor refuses the channel"});
  if (state_ == state::up && now >= next_alive_) {
    next_alive_ = now + setup_.settings->alive_interval;
    silent_ = socket_bytes_.in_bytes == heard_bytes_ ? silent_ + 1 : 0;
    heard_bytes_ = socket_bytes_.in_bytes;
    if (silent_ >= setup_.settings->alive_count_max)
      fail({errc::connection_lost, "nothing heard for " + std::to_string(silent_) + " intervals of alive_interval (" +
                                       *get_option(*setup_.settings, "alive_interval") + ')'});
    else
      send_ping();
  }
  if (!finish_turn()) arm_tick();
}

}  // namespace duplex::transport
