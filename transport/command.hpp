// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "runtime/pinned.hpp"
#include "transport/child.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <caf/event_based_actor.hpp>

#include <chrono>

namespace duplex::transport {

/// *Actor, pinned.* The process of an `exec:` endpoint. When its session is over, which closes the socket, the process
/// has a moment to end by itself; then its group gets SIGTERM, and SIGKILL after `linger`. Ends when the process is
/// reaped, with an error of `connection_failed` that tells how it ended, unless it ended because it was told to. Until
/// that it keeps itself alive.
class command final : public detail::pinned_actor<caf::event_based_actor> {
 public:
  command(caf::actor_config& config, detail::worker* home, child process, caf::actor session,
          std::chrono::milliseconds linger);

  caf::behavior make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "duplex.command"; }

 private:
  void signal(int number);
  void wait(std::chrono::steady_clock::time_point until, int then);

  child process_;
  caf::actor session_;
  std::chrono::milliseconds linger_;
  boost::asio::posix::stream_descriptor ended_;
  boost::asio::steady_timer timer_;
  bool told_ = false;
};

}  // namespace duplex::transport
