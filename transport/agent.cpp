// SPDX-License-Identifier: BSD-2-Clause
#include "transport/agent.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <system_error>

namespace duplex::transport {
namespace {

/// No signal reaches threads that are started meanwhile: libssh sends to the agent without MSG_NOSIGNAL, and the
/// application's handlers are not for our threads.
class signals_blocked {
 public:
  signals_blocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

result<std::unique_ptr<agent>> agent::connect(const std::string& where) {
  std::string path = where;
  if (where == "SSH_AUTH_SOCK") {
    const char* named = std::getenv("SSH_AUTH_SOCK");
    if (named == nullptr || *named == '\0')
      return {errc::auth_failed,
              "no ssh-agent: the variable SSH_AUTH_SOCK is not set; start one with: eval $(ssh-agent), or name its "
              "socket in identity_agent"};
    path = named;
  }
  const auto failed = [&](const char* why) { return error{errc::io, "ssh-agent at '" + path + "': " + why}; };
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (path.size() >= sizeof at.sun_path) return failed("the path is over 107 bytes");
  std::memcpy(at.sun_path, path.data(), path.size());
  unique_fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};  // else a full backlog blocks
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0)
    return failed(std::strerror(errno));
  ::fcntl(socket.get(), F_SETFL, 0);
  return std::unique_ptr<agent>{new agent{std::move(path), std::move(socket)}};
}

result<void> agent::step(ssh_session ssh, std::function<void()> done) {
  if (!std::exchange(libssh_has_it_, true)) {
    const int copy = ::fcntl(socket_.get(), F_DUPFD_CLOEXEC, 0);  // libssh closes it with the session
    // Without one libssh would look for an agent of its own.
    if (copy < 0) return {errc::resource_exhausted, std::string{"the ssh-agent's socket: "} + std::strerror(errno)};
    ssh_set_agent_socket(ssh, copy);
  }
  const signals_blocked until_started;
  try {
    thread_ = std::thread{[this, ssh, done = std::move(done)] {
      answer_ = ssh_userauth_agent(ssh, nullptr);
      done();
    }};
  } catch (const std::system_error& none) {
    return {errc::resource_exhausted, std::string{"no thread to ask the ssh-agent: "} + none.what()};
  }
  return {};
}

int agent::join() {
  if (thread_.joinable()) thread_.join();
  return answer_;
}

void agent::interrupt() noexcept {
  if (!busy()) return;
  ::shutdown(socket_.get(), SHUT_RDWR);  // wakes libssh, whether it sends or receives
  thread_.join();
}

}  // namespace duplex::transport
