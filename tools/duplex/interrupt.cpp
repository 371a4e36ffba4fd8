// SPDX-License-Identifier: BSD-2-Clause
#include "tools/duplex/interrupt.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

namespace duplex::tools {

interrupt::interrupt() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  watching_ = std::thread{[this, ends] { watch(ends); }};
}

interrupt::~interrupt() {
  stop_.raise();
  watching_.join();
}

void interrupt::then(std::function<void()> what) {
  std::lock_guard lock{mutex_};
  then_ = std::move(what);
}

void interrupt::watch(const sigset_t& ends) {
  const int fd = ::signalfd(-1, &ends, SFD_CLOEXEC);
  if (stop_.wait_for(fd)) {
    std::unique_lock lock{mutex_};
    signalfd_siginfo which{};
    if (then_) (void)!::read(fd, &which, sizeof which);
    pthread_sigmask(SIG_UNBLOCK, &ends, nullptr);  // one that was not read ends the program here
    if (const auto what = std::exchange(then_, nullptr)) what();
    lock.unlock();
    stop_.wait();
  }
  ::close(fd);
}

}  // namespace duplex::tools
