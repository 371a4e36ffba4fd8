// SPDX-License-Identifier: BSD-2-Clause
#include "transport/descriptor_pump.hpp"

#include "runtime/worker.hpp"
#include "transport/messages.hpp"

#include <caf/send.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <string>

namespace duplex::transport {
namespace {

constexpr std::size_t buffer_size = 64U << 10;  // what Linux gives a pipe
constexpr int rounds_per_turn = 16;             // then others get their turn

int make_non_blocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0) ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  return flags;
}

// Others may have the same open file, and would be told EAGAIN: a pipe is opened again. Of what cannot be, the flags to
// restore; else -1.
int make_non_blocking(unique_fd& fd, int access) {
  struct stat about {};
  if (::fstat(fd.get(), &about) != 0 || !S_ISFIFO(about.st_mode)) return make_non_blocking(fd.get());
  const auto path = "/proc/self/fd/" + std::to_string(fd.get());
  unique_fd own{::open(path.c_str(), access | O_NONBLOCK | O_CLOEXEC)};
  if (!own) return make_non_blocking(fd.get());
  fd = std::move(own);
  return -1;
}

// What Asio does not take stays ours to close.
void take(boost::asio::posix::stream_descriptor& into, unique_fd& from, boost::system::error_code& wrong) {
  if (!wrong) into.assign(from.get(), wrong);
  if (!wrong) (void)from.release();
}

// A pipe that nobody reads any more would end the program by a signal.
ssize_t write_quietly(int fd, const char* from, std::size_t size) {
  if (const auto n = ::send(fd, from, size, MSG_NOSIGNAL | MSG_DONTWAIT); n >= 0 || errno != ENOTSOCK) return n;
  sigset_t broken, before, pending;
  sigemptyset(&broken);
  sigaddset(&broken, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken, &before);
  sigpending(&pending);
  const auto n = ::write(fd, from, size);
  const int why = errno;
  const timespec now{};
  if (n < 0 && why == EPIPE && sigismember(&pending, SIGPIPE) == 0) sigtimedwait(&broken, nullptr, &now);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = why;
  return n;
}

bool is_for_now(int why) { return why == EAGAIN || why == EWOULDBLOCK || why == EINTR; }

}  // namespace

descriptor_pump::descriptor_pump(caf::actor_config& config, detail::worker* home, unique_fd in, unique_fd out,
                                 unique_fd socket, std::chrono::milliseconds linger)
    : pinned_actor(config, home),
      in_(std::move(in)),
      out_(std::move(out)),
      socket_(std::move(socket)),
      linger_(linger),
      inward_{descriptor{home->context()}, descriptor{home->context()}},
      outward_{descriptor{home->context()}, descriptor{home->context()}},
      limit_(home->context()) {}

caf::behavior descriptor_pump::make_behavior() {
  home()->post([self = caf::strong_actor_ptr{ctrl()}, this] {
    in_flags_ = make_non_blocking(in_, O_RDONLY);
    out_flags_ = make_non_blocking(out_, O_WRONLY);
    make_non_blocking(socket_.get());
    boost::system::error_code wrong;
    inward_.to.assign(::fcntl(socket_.get(), F_DUPFD_CLOEXEC, 0), wrong);
    take(inward_.from, in_, wrong);
    take(outward_.from, socket_, wrong);
    take(outward_.to, out_, wrong);
    if (wrong) return finish();
    for (auto* one : {&inward_, &outward_}) one->buffer = std::make_unique<char[]>(buffer_size);
    // The session has closed its end: this is known even while `out` takes nothing.
    outward_.from.async_wait(descriptor::wait_error, [self, this](const boost::system::error_code& cancelled) {
      if (!cancelled) limit_the_rest(self);
    });
    move(inward_);
    move(outward_);
  });
  return {[this](dead_atom) { quit(); }};
}

void descriptor_pump::on_exit() {
  if (inward_.from.is_open() && in_flags_ >= 0) ::fcntl(inward_.from.native_handle(), F_SETFL, in_flags_);
  if (outward_.to.is_open() && out_flags_ >= 0) ::fcntl(outward_.to.native_handle(), F_SETFL, out_flags_);
  boost::system::error_code ignored;
  for (auto* one : {&inward_, &outward_}) {
    one->from.close(ignored);
    one->to.close(ignored);
  }
  limit_.cancel();
}

// Asio handlers run outside the actor's turn.
void descriptor_pump::finish() { caf::anon_send(caf::actor_cast<caf::actor>(this), dead_atom_v); }

void descriptor_pump::limit_the_rest(const caf::strong_actor_ptr& self) {
  limit_.expires_after(linger_);
  limit_.async_wait([self, this](const boost::system::error_code& cancelled) {
    detail::run_scope turn{*home()};
    if (!cancelled) finish();
  });
}

void descriptor_pump::move(direction& on) {
  for (int round = 0; round < rounds_per_turn; ++round)
    if (!move_once(on)) return;
  wait(on, on.begin < on.end ? on.to : on.from, on.begin < on.end ? descriptor::wait_write : descriptor::wait_read);
}

// False when it waits, or is over.
bool descriptor_pump::move_once(direction& on) {
  if (!on.from.is_open() || !on.to.is_open()) return false;
  if (on.begin < on.end) {
    const auto n = write_quietly(on.to.native_handle(), on.buffer.get() + on.begin, on.end - on.begin);
    if (n < 0 && is_for_now(errno)) return wait(on, on.to, descriptor::wait_write), false;
    if (n < 0) {  // nobody reads there; the session hears that from its socket, and what it sent may still go out
      if (&on == &outward_) finish();
      return false;
    }
    on.begin += static_cast<std::size_t>(n);
    return true;
  }
  if (on.ended) return drained(on), false;
  const auto n = ::read(on.from.native_handle(), on.buffer.get(), buffer_size);
  if (n < 0 && is_for_now(errno)) return wait(on, on.from, descriptor::wait_read), false;
  on.begin = 0;
  on.end = n > 0 ? static_cast<std::size_t>(n) : 0;
  on.ended = n <= 0;
  return true;
}

void descriptor_pump::wait(direction& on, descriptor& which, descriptor::wait_type what) {
  which.async_wait(what, [self = caf::strong_actor_ptr{ctrl()}, this, &on](const boost::system::error_code& cancelled) {
    if (cancelled) return;
    detail::run_scope turn{*home()};
    move(on);
  });
}

void descriptor_pump::drained(direction& on) {
  if (&on == &outward_) return finish();
  ::shutdown(on.to.native_handle(), SHUT_WR);
}

}  // namespace duplex::transport
