// SPDX-License-Identifier: BSD-2-Clause
#include "transport/dialler.hpp"

#include "transport/command.hpp"
#include "transport/inherited.hpp"
#include "transport/inproc_names.hpp"
#include "transport/local_session.hpp"
#include "transport/local_socket.hpp"
#include "transport/session_rules.hpp"

#include <boost/asio/connect.hpp>
#include <caf/send.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace duplex::transport {
using boost::asio::ip::tcp;

std::chrono::milliseconds back_off::next(double random) {
  const auto base = next_;
  next_ = std::min(last_, next_ * 2);
  return base + std::chrono::milliseconds{static_cast<std::int64_t>(static_cast<double>(base.count()) * random / 2)};
}

dialler::dialler(caf::actor_config& config, detail::worker* home, endpoint where, session_plan_ptr plan)
    : pinned_actor(config, home),
      where_(std::move(where)),
      plan_(std::move(plan)),
      wait_(plan_->settings->reconnect_delay, plan_->settings->reconnect_delay_max),
      resolver_(home->context()),
      socket_(home->context()),
      local_(home->context()),
      timer_(home->context()) {}

caf::behavior dialler::make_behavior() {
  monitor(plan_->peer);
  set_down_handler([this](const caf::down_msg& gone) {
    if (gone.source == plan_->peer.address()) return quit(gone.reason);
    ended(gone);
  });
  return {
      [this](connect_atom) {
        auto promise = make_response_promise();
        // One of several sessions: nobody asks. Such a promise would hold this actor for ever.
        if ((waiting_ = promise.pending())) first_ = promise;
        dial();
        return promise;
      },
      [this](retry_atom) { dial(); },
      [this](drain_atom) { finished_ = true; },
      // An Asio handler's outcomes arrive as messages, so that everything below runs in the actor's own turn.
      [this](refuse_atom, const error& why) { failed(why); },
      [this](up_atom, const caf::actor&, session_info_ptr& about) {
        wait_.reset();
        log(log_record::level::info,
            "connected to " + (about->remote_name.empty() ? about->remote_key : about->remote_name));
        if (std::exchange(waiting_, false)) first_.deliver(std::move(about));
      },
      [this](plan_atom, session_plan_ptr& plan) { plan_ = std::move(plan); },
  };
}

void dialler::on_exit() {
  finished_ = true;
  demonitor(plan_->peer);
  boost::system::error_code ignored;
  resolver_.cancel();
  socket_.close(ignored);
  timer_.cancel();
  if (waiting_) first_.deliver(to_caf({errc::closed, "connect '" + where_.str() + "': given up"}));
  if (session_) caf::anon_send(session_, drop_atom_v, std::string{"disconnected"});
}

void dialler::log(log_record::level severity, std::string text) const {
  if (plan_->settings->log) plan_->settings->log({severity, "dialler", where_.str() + ": " + std::move(text)});
}

void dialler::dial() {
  if (finished_ || session_ || command_) return;
  if (where_.type() == endpoint::kind::unix_socket) return connect_local();
  if (where_.type() == endpoint::kind::exec) return run_command();
  if (where_.type() == endpoint::kind::fd) return use_inherited();
  if (where_.type() == endpoint::kind::inproc) return connect_inproc();
  const auto self = caf::strong_actor_ptr{ctrl()};
  const auto give_up = [self](errc code, std::string why) {
    caf::anon_send(caf::actor_cast<caf::actor>(self), refuse_atom_v, error{code, std::move(why)});
  };
  timer_.expires_after(plan_->settings->connect_timeout);
  timer_.async_wait([self, this](const boost::system::error_code& cancelled) {
    if (cancelled) return;
    boost::system::error_code ignored;
    resolver_.cancel();
    socket_.close(ignored);
  });
  const auto on_connect = [self, this, give_up](const boost::system::error_code& refused) {
    detail::run_scope turn{*this->home()};
    const bool late = timer_.expiry() <= std::chrono::steady_clock::now();
    timer_.cancel();
    // For the next attempt a new one: on a socket that was refused the system would refuse it unheard.
    auto socket = std::exchange(socket_, tcp::socket{this->home()->context()});
    if (late) return give_up(errc::timed_out, "no answer " + within(*plan_->settings, "connect_timeout"));
    if (refused) return give_up(errc::connection_failed, refused.message());
    boost::system::error_code gone;
    const auto to = socket.remote_endpoint(gone);
    if (gone) return give_up(errc::connection_failed, gone.message());
    session_info about;
    about.address = endpoint::tcp(to.address().to_string(), to.port()).str();
    connected(socket, std::move(about));
  };
  boost::system::error_code is_name;  // an address needs no resolver, whose first use starts a thread
  if (const auto address = boost::asio::ip::make_address(where_.target(), is_name); !is_name) {
    socket_.async_connect({address, where_.number()}, on_connect);
    return;
  }
  resolver_.async_resolve(where_.target(), std::to_string(where_.number()),
                          [this, give_up, on_connect](const auto& wrong, const auto& found) {
                            detail::run_scope turn{*this->home()};
                            if (wrong) {
                              timer_.cancel();
                              return give_up(errc::connection_failed, "no such host: " + wrong.message());
                            }
                            boost::asio::async_connect(
                                socket_, found,
                                [on_connect](const auto& refused, const tcp::endpoint&) { on_connect(refused); });
                          });
}

// Within the system this is done at once, or not at all.
void dialler::connect_local() {
  boost::system::error_code refused;
  local_.open({}, refused);
  local_.non_blocking(true, refused);
  if (local_.connect({where_.target()}, refused); refused) {
    boost::system::error_code ignored;
    local_.close(ignored);
    return failed({errc::connection_failed, refused.message()});
  }
  session_info about;
  about.address = where_.str();
  about.process = remote_process(local_.native_handle());
  connected(local_, std::move(about));
}

void dialler::connect_inproc() {
  auto [here, there] = inproc_end::make_pair(home());
  if (!inproc_name::call(where_.target(), std::move(there)))
    return failed({errc::connection_failed, "nobody listens at " + where_.str()});
  session_info about;
  about.address = about.dialled = where_.str();
  session_ = spawn_local_session(system(), *plan_, side::dialler, std::move(here), std::move(about),
                                 caf::actor_cast<caf::actor>(this));
  monitor(session_);
}

void dialler::run_command() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return failed({errc::io, std::string{"socketpair: "} + std::strerror(errno)});
  unique_fd near{ends[0]};
  const unique_fd far{ends[1]};
  enlarge_send_buffer(far.get());
  const auto who = std::string{parent_key_variable} + '=' + plan_->identity.public_line();
  auto process = child::start(where_.target(), who, far.get());
  if (!process) return failed(process.error());
  session_info about;
  about.address = where_.str();
  connected(std::move(near), std::move(about));
  command_ = system().spawn<command>(home(), std::move(*process), session_, plan_->settings->linger);
  monitor(command_);
}

void dialler::use_inherited() {
  auto socket = take_connected(where_.number());
  if (!socket) return failed(socket.error());
  session_info about;
  about.address = where_.str();
  about.process = remote_process(socket->get());
  connected(std::move(*socket), std::move(about));
}

template <class Socket> void dialler::connected(Socket& socket, session_info about) {
  if (finished_) return;
  boost::system::error_code wrong;
  unique_fd fd{socket.release(wrong)};
  if (wrong || !fd)
    caf::anon_send(caf::actor_cast<caf::actor>(this), refuse_atom_v, error{errc::io, wrong.message()});
  else
    connected(std::move(fd), std::move(about));
}

void dialler::connected(unique_fd socket, session_info about) {
  about.dialled = where_.str();
  session_ = spawn_session(system(), *plan_, side::dialler, std::move(socket), std::move(about),
                           caf::actor_cast<caf::actor>(this));
  monitor(session_);
}

// A session of a command is over when the command is too: how that ended tells more.
void dialler::ended(const caf::down_msg& gone) {
  if (command_ && gone.source == command_.address()) {
    command_ = nullptr;
    last_word_ = from_caf(gone.reason);
  } else {
    session_ = nullptr;
    why_ = from_caf(gone.reason);
  }
  if (session_ || command_) return;
  const auto why = std::exchange(why_, {}), last = std::exchange(last_word_, {});
  const bool cut_off = why.code() == errc::connection_failed || why.code() == errc::connection_lost;
  failed(cut_off && last.code() == errc::connection_failed ? error{why.code(), why.context() + "; " + last.context()}
                                                           : why);
}

void dialler::failed(const error& why) {
  if (std::exchange(waiting_, false))
    first_.deliver(to_caf({why.code(), "connect '" + where_.str() + "': " + why.context()}));
  if (finished_) return;
  const bool permanent = is_permanent(why.code()) || where_.type() == endpoint::kind::fd;
  log(log_record::level::warning, why.message());
  if (permanent) return quit(to_caf(why));
  std::random_device random;  // made here, where time does not matter: it asks the CPU what it is, a trap in a machine
  const auto delay = wait_.next(std::uniform_real_distribution<>{0, 1}(random));
  timer_.expires_after(delay);
  timer_.async_wait([self = caf::strong_actor_ptr{ctrl()}, this](const boost::system::error_code& cancelled) {
    if (!cancelled) caf::anon_send(caf::actor_cast<caf::actor>(self), retry_atom_v);
  });
}

}  // namespace duplex::transport
