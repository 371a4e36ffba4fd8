// SPDX-License-Identifier: BSD-2-Clause
#include "tools/bench/libssh_session.hpp"
#include "tools/bench/socket_address.hpp"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <cerrno>

namespace bench::bare {
namespace {

/// Poll reports a unix socket writable only below a quarter of its buffer. The prototype went from 725 to 1,090 MB/s by
/// this; with this program the gain was within the noise.
constexpr int unix_send_buffer = 425984;

void tune(int fd, bool is_unix) {
  const int on = 1;
  if (is_unix)
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &unix_send_buffer, sizeof unix_send_buffer);
  else
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

bool is_unix_socket(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

void allow_many_descriptors() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

ssh_bind server_with_key() {
  ssh_bind made = ssh_bind_new();
  bool no = false;
  ssh_bind_options_set(made, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no);
  ssh_key key = nullptr;
  if (ssh_pki_import_privkey_file(file("id").c_str(), nullptr, nullptr, nullptr, &key) != SSH_OK)
    fail("id is not a private key");
  ssh_bind_options_set(made, SSH_BIND_OPTIONS_IMPORT_KEY, key);  // which owns it from here
  return made;
}

}  // namespace

loop::loop(std::size_t busy_poll_us) : busy_poll_us_(busy_poll_us), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) fail("epoll_create1");
  allow_many_descriptors();
}

loop::~loop() {
  sessions_.clear();
  close(epoll_);
}

std::string loop::listen(const std::string& at, acceptor accept) {
  std::string where;
  listening_ = socket_address{at}.listen(where);
  bind_ = server_with_key();
  accept_ = accept;
  epoll_event event{};
  event.events = EPOLLIN;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, listening_, &event) != 0) fail("epoll_ctl");
  return where;
}

void loop::accept_one() {
  const int fd = accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) fail("accept");
  tune(fd, is_unix_socket(fd));
  auto& made = sessions_.emplace_back(*this, fd, bind_);
  made.self_ = std::prev(sessions_.end());
  made.advance();
  made.arm();
}

session& loop::dial(const std::string& to) {
  const socket_address address{to};
  const int fd = address.dial();
  tune(fd, address.is_unix());
  auto& made = sessions_.emplace_back(*this, fd, nullptr);
  made.self_ = std::prev(sessions_.end());
  made.advance();
  made.arm();
  until([&] { return made.is_up(); });
  return made;
}

void loop::drop(session& which) { sessions_.erase(which.self_); }

int loop::leave(session& which) {
  if (epoll_ctl(epoll_, EPOLL_CTL_DEL, which.fd_, nullptr) != 0) fail("epoll_ctl");
  return which.fd_;
}

/// Asks libssh's own poll, which also reads: cheaper than asking epoll first. True when something came.
bool loop::spin() {
  if (sessions_.size() != 1) return false;
  auto& only = sessions_.front();
  const auto until = clock::now() + std::chrono::microseconds(busy_poll_us_);
  while (only.is_up() && clock::now() < until)
    if (only.poll_once()) {
      only.settle();
      only.arm();
      return true;
    }
  return false;
}

void loop::wait() {
  if (busy_poll_us_ > 0 && spin()) return;
  epoll_event events[64];
  const int count = epoll_wait(epoll_, events, 64, -1);
  if (count < 0 && errno != EINTR) fail("epoll_wait");
  for (int i = 0; i < count; ++i) {
    auto* one = static_cast<session*>(events[i].data.ptr);
    if (!one) {
      accept_one();
      continue;
    }
    one->advance();
    if (one->is_dead())
      drop(*one);  // its client is done
    else
      one->arm();
  }
}

}  // namespace bench::bare
