// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "runtime/pinned.hpp"
#include "transport/unique_fd.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <caf/event_based_actor.hpp>

#include <chrono>
#include <memory>

namespace duplex::transport {

/// *Actor, pinned.* Makes one socket of two descriptors, because libssh takes no less: copies from `in` to the socket
/// and from the socket to `out`, both ways through a bounded buffer. The end of `in` is the end of what the socket's
/// other end reads; when that other end has closed, what it sent goes to `out` for `linger` at most, and all are
/// closed. Ends then; until that it keeps itself alive.
class descriptor_pump final : public detail::pinned_actor<caf::event_based_actor> {
 public:
  descriptor_pump(caf::actor_config& config, detail::worker* home, unique_fd in, unique_fd out, unique_fd socket,
                  std::chrono::milliseconds linger);

  caf::behavior make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "duplex.pump"; }

 private:
  using descriptor = boost::asio::posix::stream_descriptor;
  struct direction {
    descriptor from, to;
    std::unique_ptr<char[]> buffer = {};
    std::size_t begin = 0, end = 0;
    bool ended = false;  // `from` has
  };

  void move(direction& on);
  bool move_once(direction& on);
  void wait(direction& on, descriptor& which, descriptor::wait_type what);
  void drained(direction& on);
  void limit_the_rest(const caf::strong_actor_ptr& self);
  void finish();

  unique_fd in_, out_, socket_;  // until the start
  std::chrono::milliseconds linger_;
  direction inward_, outward_;
  int in_flags_ = -1, out_flags_ = -1;  // as they were, of what others may share
  boost::asio::steady_timer limit_;
};

}  // namespace duplex::transport
