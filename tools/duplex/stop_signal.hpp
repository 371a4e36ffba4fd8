// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace duplex::tools {

/// Wakes a thread that waits for stdin, which may be a terminal where nobody types. Thread: any.
class stop_signal {
 public:
  stop_signal() : fd_(::eventfd(0, EFD_CLOEXEC)) {}
  ~stop_signal() { ::close(fd_); }
  stop_signal(const stop_signal&) = delete;
  stop_signal& operator=(const stop_signal&) = delete;

  void raise() { (void)!::eventfd_write(fd_, 1); }
  /// False when raised; true when stdin can be read, or has ended.
  [[nodiscard]] bool wait_for_stdin() const { return wait_for(STDIN_FILENO); }
  /// The same for another descriptor.
  [[nodiscard]] bool wait_for(int fd) const {
    std::array<pollfd, 2> waits{pollfd{fd, POLLIN, 0}, pollfd{fd_, POLLIN, 0}};
    while (::poll(waits.data(), waits.size(), -1) < 0 && errno == EINTR) {
    }
    return waits[1].revents == 0;
  }
  /// Until it is raised.
  void wait() const { (void)wait_for(-1); }  // poll looks at no descriptor that is negative

 private:
  int fd_;
};

}  // namespace duplex::tools
