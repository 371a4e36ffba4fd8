// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <sched.h>
#include <sys/socket.h>

namespace duplex::transport {

/// *Worker-bound.* Whether who sends to a TCP socket runs on this thread's CPU, so that the two take turns. What comes
/// over loopback is taken in by the CPU that sent it (SO_INCOMING_CPU, socket(7)). What comes from another machine is
/// taken in by whichever CPU the network card interrupts; if by this one, the answer is wrong for as long.
class remote_cpu {
 public:
  [[nodiscard]] bool is_ours(int socket) noexcept {
    constexpr unsigned every = 16;  // a system call, and threads seldom move
    if (asked_++ % every != 0) return ours_;
    int last = -1;
    socklen_t size = sizeof last;
    ours_ = ::getsockopt(socket, SOL_SOCKET, SO_INCOMING_CPU, &last, &size) == 0 && last == ::sched_getcpu();
    return ours_;
  }

 private:
  unsigned asked_ = 0;
  bool ours_ = false;
};

}  // namespace duplex::transport
