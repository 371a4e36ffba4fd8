// SPDX-License-Identifier: BSD-2-Clause
#include "transport/descriptor.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

namespace duplex {
namespace detail {
namespace {

using kind = descriptor_end::kind;

std::string named(int fd) { return "join: descriptor " + std::to_string(fd); }
error wrong(int fd, const char* why) { return {errc::invalid_argument, named(fd) + ' ' + why}; }
error failed(int fd) { return {errc::io, named(fd) + ": " + std::strerror(errno)}; }

// Whether epoll takes it; it refuses what is always ready.
bool can_be_polled(int fd) {
  const transport::unique_fd probe{::epoll_create1(EPOLL_CLOEXEC)};
  epoll_event nothing{};
  return ::epoll_ctl(probe.get(), EPOLL_CTL_ADD, fd, &nothing) == 0 || errno != EPERM;
}

// The master's path leads to a new pseudo-terminal, not to this one.
bool is_master(int fd) {
  unsigned number = 0;
  return ::ioctl(fd, TIOCGPTN, &number) == 0;
}

error check_socket(int fd) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size) == 0 && value != SOCK_STREAM)
    return wrong(fd, "is a socket of messages; a stream is needed");
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0)
    return wrong(fd, "is a socket that listens; accept a connection first");
  return {};
}

result<descriptor_end> open_end(int fd, const struct stat& about, int access) {
  descriptor_end end;
  if (S_ISSOCK(about.st_mode)) {
    if (auto no_stream = check_socket(fd)) return no_stream;
    end.what = kind::socket;
    end.is_polled = true;
  } else {
    if (S_ISFIFO(about.st_mode)) end.what = kind::pipe;
    if (S_ISCHR(about.st_mode) && ::isatty(fd) != 0) end.what = kind::terminal;
    end.is_polled = can_be_polled(fd);
    std::string why_not = "no pipe, no terminal";
    if (end.is_polled && end.what != kind::other && !is_master(fd)) {
      const auto path = "/proc/self/fd/" + std::to_string(fd);
      end.fd = transport::unique_fd{::open(path.c_str(), access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
      if (!end.fd && errno == ENXIO) return error{errc::io, named(fd) + ": nobody reads this pipe any more"};
      if (!end.fd) why_not = std::strerror(errno);
    }
    if (end.is_polled && !end.fd && (::fcntl(fd, F_GETFL) & O_NONBLOCK) == 0)
      return error{errc::unsupported, named(fd) + " would block a worker and cannot be opened again (" + why_not +
                                          "); set O_NONBLOCK on it"};
  }
  if (!end.fd) end.fd = transport::unique_fd{::fcntl(fd, F_DUPFD_CLOEXEC, 0)};
  if (!end.fd) return failed(fd);
  return end;
}

error check_access(int fd, struct stat& about, bool read, bool written) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fstat(fd, &about) != 0) return wrong(fd, "is not open");
  if (S_ISDIR(about.st_mode)) return wrong(fd, "is a directory");
  const int access = flags & O_ACCMODE;
  if (read && (access == O_WRONLY || (flags & O_PATH) != 0))
    return wrong(fd, "is not open for reading; name one for each direction");
  if (written && (access == O_RDONLY || (flags & O_PATH) != 0))
    return wrong(fd, "is not open for writing; name one for each direction");
  return {};
}

// A pipe without a reader raises SIGPIPE, and has no flag against it as a socket has.
class without_sigpipe {
 public:
  without_sigpipe() noexcept {
    sigemptyset(&only_);
    sigaddset(&only_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &only_, &before_);
  }
  without_sigpipe(const without_sigpipe&) = delete;
  without_sigpipe& operator=(const without_sigpipe&) = delete;
  ~without_sigpipe() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  void forget() const noexcept {
    const timespec at_once{};
    if (!was_pending_) ::sigtimedwait(&only_, nullptr, &at_once);
  }

 private:
  sigset_t only_, before_;
  bool was_pending_;
};

}  // namespace

std::string_view descriptor_end::name() const noexcept {
  switch (what) {
    case kind::socket:
      return "the socket";
    case kind::pipe:
      return "the pipe";
    case kind::terminal:
      return "the terminal";
    default:
      return "the file";
  }
}

ssize_t descriptor_ends::read(char* into, std::size_t size) const noexcept {
  for (;;) {
    const auto n =
        in_.what == kind::socket ? ::recv(in_.fd.get(), into, size, MSG_DONTWAIT) : ::read(in_.fd.get(), into, size);
    if (n >= 0) return n;
    if (errno == EIO && in_.what == kind::terminal) return 0;  // its other side is closed
    if (errno != EINTR) return -errno;
  }
}

ssize_t descriptor_ends::write(std::string_view data) const noexcept {
  const int fd = out().fd.get();
  for (;;) {
    ssize_t n = 0;
    if (out().what == kind::socket) {
      n = ::send(fd, data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (out().what == kind::pipe) {
      const without_sigpipe quiet;
      n = ::write(fd, data.data(), data.size());
      if (n < 0 && errno == EPIPE) {
        quiet.forget();
        return -EPIPE;
      }
    } else {
      n = ::write(fd, data.data(), data.size());
    }
    if (n >= 0) return n;
    if (errno != EINTR) return -errno;
  }
}

void descriptor_ends::end_writing() noexcept {
  if (out().what == kind::socket) ::shutdown(out().fd.get(), SHUT_WR);
  out_.fd = {};
}

void descriptor_ends::cut() const noexcept {
  for (const auto* end : {&in_, &out_})
    if (end->fd && end->what == kind::socket) ::shutdown(end->fd.get(), SHUT_RDWR);
}

}  // namespace detail

result<descriptor> descriptor::of(int in, int out) {
  struct stat of_in {
  }, of_out{};
  if (auto wrong = detail::check_access(in, of_in, true, in == out)) return wrong;
  if (in != out)
    if (auto wrong = detail::check_access(out, of_out, false, true)) return wrong;
  // stdin and stdout of a program that inetd started are one socket under two numbers.
  const bool one =
      in == out || (S_ISSOCK(of_in.st_mode) && of_in.st_dev == of_out.st_dev && of_in.st_ino == of_out.st_ino);
  auto reads = detail::open_end(in, of_in, one ? O_RDWR : O_RDONLY);
  if (!reads) return reads.error();
  detail::descriptor_end writes;
  if (!one) {
    auto opened = detail::open_end(out, of_out, O_WRONLY);
    if (!opened) return opened.error();
    writes = std::move(*opened);
  }
  return descriptor{std::make_shared<detail::descriptor_ends>(std::move(*reads), std::move(writes))};
}

result<descriptor> descriptor::adopt(int both) {
  const transport::unique_fd given{both};
  return of(both);
}

}  // namespace duplex
