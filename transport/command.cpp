// SPDX-License-Identifier: BSD-2-Clause
#include "transport/command.hpp"

#include "runtime/worker.hpp"
#include "transport/messages.hpp"

#include <caf/send.hpp>

#include <fcntl.h>

#include <csignal>

namespace duplex::transport {
namespace {

using clock = std::chrono::steady_clock;

// Most programs end by themselves when their stdin does, and then their own status tells more than SIGTERM.
constexpr auto to_end_alone = std::chrono::milliseconds{100};

}  // namespace

command::command(caf::actor_config& config, detail::worker* home, child process, caf::actor session,
                 std::chrono::milliseconds linger)
    : pinned_actor(config, home),
      process_(std::move(process)),
      session_(std::move(session)),
      linger_(linger),
      ended_(home->context()),
      timer_(home->context()) {}

caf::behavior command::make_behavior() {
  monitor(session_);
  session_ = nullptr;
  set_down_handler([this](const caf::down_msg&) {
    boost::system::error_code unwatched;
    ended_.assign(process_.release_watch(), unwatched);
    if (unwatched) return quit();
    ended_.async_wait(ended_.wait_read,
                      [self = caf::strong_actor_ptr{ctrl()}, this](const boost::system::error_code& cancelled) {
                        detail::run_scope turn{*home()};
                        if (!cancelled) caf::anon_send(caf::actor_cast<caf::actor>(self), dead_atom_v);
                      });
    wait(clock::now() + to_end_alone, SIGTERM);
  });
  wait(clock::time_point::max(), 0);  // keeps this actor
  return {
      [this](dead_atom) {  // to itself: the process has ended
        quit(to_caf({told_ ? errc::closed : errc::connection_failed, process_.last_word()}));
      },
  };
}

void command::on_exit() {
  boost::system::error_code ignored;
  ended_.close(ignored);
  timer_.cancel();
  process_.end();
}

void command::wait(clock::time_point until, int then) {
  timer_.expires_at(until);
  timer_.async_wait([self = caf::strong_actor_ptr{ctrl()}, this, then](const boost::system::error_code& cancelled) {
    if (!cancelled) signal(then);
  });
}

void command::signal(int number) {
  if (process_.has_ended()) return;
  told_ = true;
  process_.signal(number);
  if (number == SIGTERM) wait(clock::now() + linger_, SIGKILL);
}

}  // namespace duplex::transport
