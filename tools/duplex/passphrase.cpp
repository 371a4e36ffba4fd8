// SPDX-License-Identifier: BSD-2-Clause
#include "tools/duplex/passphrase.hpp"

#include "tools/duplex/common.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace duplex::tools {
namespace {

volatile std::sig_atomic_t interrupted = 0;
volatile std::sig_atomic_t wake_up = -1;  // an eventfd: a signal may run on another thread, or just before the read

/// A terminal that shows nothing of what is typed, also when a signal ends us: that is held back until the echo is on
/// again.
class silent_terminal {
 public:
  explicit silent_terminal(int fd) : fd_(fd) {
    interrupted = 0;
    wake_up = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct sigaction note {};
    note.sa_handler = [](int number) {
      const auto before = errno;
      interrupted = number;
      (void)!::eventfd_write(wake_up, 1);
      errno = before;
    };
    for (std::size_t i = 0; i < ends.size(); ++i) ::sigaction(ends[i], &note, &before_[i]);
    ::tcgetattr(fd_, &shown_);
    auto hidden = shown_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(fd_, TCSAFLUSH, &hidden);
  }
  ~silent_terminal() {
    ::tcsetattr(fd_, TCSAFLUSH, &shown_);
    for (std::size_t i = 0; i < ends.size(); ++i) ::sigaction(ends[i], &before_[i], nullptr);
    ::close(wake_up);
    if (interrupted != 0) ::raise(interrupted);
  }
  silent_terminal(const silent_terminal&) = delete;
  silent_terminal& operator=(const silent_terminal&) = delete;

  /// Waits until something can be read; false once a signal has come.
  [[nodiscard]] bool wait() const {
    std::array<pollfd, 2> either{pollfd{fd_, POLLIN, 0}, pollfd{static_cast<int>(wake_up), POLLIN, 0}};
    while (interrupted == 0 && ::poll(either.data(), either.size(), -1) < 0 && errno == EINTR) {
    }
    return interrupted == 0;
  }

 private:
  static constexpr std::array ends{SIGINT, SIGTERM, SIGHUP};

  int fd_;
  termios shown_{};
  std::array<struct sigaction, ends.size()> before_{};
};

}  // namespace

std::optional<std::string> ask_passphrase(const std::string& file) {
  const int fd = ::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) {
    write_all(STDERR_FILENO, "duplex: no terminal to ask for the passphrase of " + file +
                                 "; load the key into ssh-agent: ssh-add " + file + ", and give --agent\n");
    return std::nullopt;
  }
  std::string typed;
  bool whole = false;
  {
    const silent_terminal quiet{fd};
    write_all(fd, "passphrase for " + file + ": ");
    std::array<char, 256> line;
    while (!whole && quiet.wait()) {
      const auto n = ::read(fd, line.data(), line.size());
      if (n <= 0) break;
      typed.append(line.data(), static_cast<std::size_t>(n));
      whole = typed.ends_with('\n');
    }
    ::explicit_bzero(line.data(), line.size());
    write_all(fd, "\n");
  }
  ::close(fd);
  if (!whole) return std::nullopt;
  typed.pop_back();
  return typed;
}

}  // namespace duplex::tools
