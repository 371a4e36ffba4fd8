// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/known_hosts.hpp>

#include "transport/handshake.hpp"
#include "transport/ssh_ptr.hpp"
#include "transport/unique_fd.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace duplex {
namespace {

using clock = std::chrono::steady_clock;
using transport::unique_fd;

struct session_end {
  void operator()(ssh_session of) const noexcept { transport::end_session(of, true); }
};
struct address_end {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

// False when the time is over first.
bool wait(int fd, short events, clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
    pollfd waits{fd, events, 0};
    const int ready = left <= 0 ? 0 : ::poll(&waits, 1, static_cast<int>(std::min<std::int64_t>(left, 1 << 30)));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

result<unique_fd> connect_to(int family, const sockaddr* to, socklen_t size, clock::time_point deadline) {
  unique_fd fd{::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return {errc::io, std::string{"socket: "} + std::strerror(errno)};
  int failed = ::connect(fd.get(), to, size) == 0 ? 0 : errno;
  if (failed == EINPROGRESS) {
    if (!wait(fd.get(), POLLOUT, deadline)) return {errc::timed_out, "no answer within the time limit"};
    socklen_t length = sizeof failed;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &failed, &length);
  }
  if (failed != 0) return {errc::connection_failed, std::strerror(failed)};
  return fd;
}

result<unique_fd> connect_to(const endpoint& where, clock::time_point deadline) {
  if (where.type() == endpoint::kind::unix_socket) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::strncpy(to.sun_path, where.target().c_str(), sizeof to.sun_path - 1);
    return connect_to(AF_UNIX, reinterpret_cast<const sockaddr*>(&to), sizeof to, deadline);
  }
  addrinfo hints{}, *raw = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (const int wrong = ::getaddrinfo(where.target().c_str(), std::to_string(where.number()).c_str(), &hints, &raw);
      wrong != 0)
    return {errc::connection_failed, std::string{"no such host: "} + ::gai_strerror(wrong)};
  const std::unique_ptr<addrinfo, address_end> found{raw};
  result<unique_fd> last{errc::connection_failed, "no address"};
  for (const auto* at = found.get(); at != nullptr; at = at->ai_next) {
    last = connect_to(at->ai_family, at->ai_addr, at->ai_addrlen, deadline);
    if (last) break;
  }
  return last;
}

result<host_key> exchange_keys(unique_fd socket, clock::time_point deadline) {
  const std::unique_ptr<ssh_session_struct, session_end> ssh{ssh_new()};
  if (!ssh) return {errc::internal, "libssh gave no session"};
  const int fd = socket.get();
  transport::prepare_client(ssh.get(), fd);
  (void)socket.release();  // libssh closes it
  ssh_counter_struct bytes{}, packets{};
  ssh_set_counters(ssh.get(), &bytes, &packets);
  for (;;) {
    const auto before = bytes.in_bytes;
    const int rc = ssh_connect(ssh.get());
    if (rc == SSH_OK) break;
    if (rc != SSH_AGAIN) return {errc::connection_failed, "key exchange: " + transport::libssh_says(ssh.get())};
    ::fcntl(fd, F_SETFL, O_NONBLOCK);  // libssh takes it away
    if (bytes.in_bytes != before && clock::now() < deadline) continue;
    const bool sending = (ssh_get_status(ssh.get()) & SSH_WRITE_PENDING) != 0;
    if (!wait(fd, static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN), deadline))
      return {errc::timed_out, "no key exchange within the time limit"};
  }
  ssh_key raw = nullptr;
  if (ssh_get_server_publickey(ssh.get(), &raw) != SSH_OK) return {errc::host_key, "the host shows no key"};
  const transport::ssh_key_ptr shown{raw};
  ssh_set_counters(ssh.get(), nullptr, nullptr);
  return host_key{transport::public_line_of(shown.get()), transport::fingerprint_of(shown.get())};
}

}  // namespace

result<host_key> fetch_host_key(const endpoint& where, std::chrono::milliseconds limit) {
  const auto explained = [&](const error& why) { return error{why.code(), "'" + where.str() + "': " + why.context()}; };
  if (where.type() != endpoint::kind::tcp && where.type() != endpoint::kind::unix_socket)
    return explained({errc::unsupported, "only hosts at tcp and unix endpoints are asked for their key"});
  const auto deadline = clock::now() + limit;
  auto socket = connect_to(where, deadline);
  if (!socket) return explained(socket.error());
  auto shown = exchange_keys(std::move(*socket), deadline);
  if (!shown) return explained(shown.error());
  return shown;
}

}  // namespace duplex
