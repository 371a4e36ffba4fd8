// SPDX-License-Identifier: BSD-2-Clause
#include "transport/inherited.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

namespace duplex::transport {
namespace {

// A second bind would find /dev/null there; this finds out even while the first one is at it.
std::atomic<bool> streams_taken{false};

error failed(std::string name) { return {errc::io, name.append(": ").append(std::strerror(errno))}; }
std::string name_of(int number) { return "descriptor " + std::to_string(number); }
error wrong(std::string name, std::string_view why) { return {errc::invalid_argument, name.append(why)}; }

int flag(int fd, int name) noexcept {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

result<void> check_stream_socket(int fd, const std::string& name) {
  if (::fcntl(fd, F_GETFD) < 0) return wrong(name, " is not open in this process");
  const int type = flag(fd, SO_TYPE);
  if (type < 0) return wrong(name, " is not a socket");
  if (type != SOCK_STREAM) return wrong(name, " is no stream socket");
  return {};
}

result<void> check_connected(int fd, const std::string& name) {
  if (auto stream = check_stream_socket(fd, name); !stream) return stream;
  sockaddr_storage other{};
  socklen_t size = sizeof other;
  if (flag(fd, SO_ACCEPTCONN) > 0) return wrong(name, " listens; bind it instead");
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&other), &size) != 0) return wrong(name, " is not connected");
  return {};
}

result<unique_fd> take(int number) {
  unique_fd taken{::fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)};
  if (!taken) return failed(name_of(number));
  if (number > STDERR_FILENO) {
    ::close(number);
    return taken;
  }
  const unique_fd null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  const bool to_stderr = number == STDOUT_FILENO && ::fcntl(STDERR_FILENO, F_GETFD) >= 0;
  if (!null || ::dup2(to_stderr ? STDERR_FILENO : null.get(), number) < 0) return failed(name_of(number));
  return taken;
}

result<void> check_stream(int fd, const std::string& name) {
  struct stat about {};
  if (::fstat(fd, &about) != 0) return wrong(name, " is not open");
  if (::isatty(fd) != 0)
    return wrong(name, " is a terminal: stdio: is for a program that another one starts, by exec:COMMAND for instance");
  if (S_ISFIFO(about.st_mode)) return {};
  if (!S_ISSOCK(about.st_mode)) return wrong(name, " is neither a socket nor a pipe");
  return check_connected(fd, name);
}

bool is_same(int a, int b) {
  struct stat first {
  }, second{};
  return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && S_ISSOCK(first.st_mode) &&
         first.st_ino == second.st_ino && first.st_dev == second.st_dev;
}

result<standard_streams> take_both() {
  for (const auto& [fd, name] : {std::pair{STDIN_FILENO, "stdin"}, std::pair{STDOUT_FILENO, "stdout"}})
    if (auto good = check_stream(fd, name); !good) return good.error();
  const bool one_socket = is_same(STDIN_FILENO, STDOUT_FILENO);
  auto in = take(STDIN_FILENO);
  if (!in) return in.error();
  auto out = take(STDOUT_FILENO);
  if (!out) return out.error();
  if (one_socket) return standard_streams{std::move(*in), {}};
  return standard_streams{std::move(*in), std::move(*out)};
}

}  // namespace

bool is_listening(int number) noexcept { return flag(number, SO_ACCEPTCONN) > 0; }

result<unique_fd> take_connected(int number) {
  if (auto good = check_connected(number, name_of(number)); !good) return good.error();
  return take(number);
}

result<unique_fd> take_listening(int number) {
  if (auto good = check_stream_socket(number, name_of(number)); !good) return good.error();
  return take(number);
}

result<standard_streams> take_standard_streams() {
  if (streams_taken.exchange(true)) return {errc::already_exists, "stdin and stdout have been bound before"};
  auto taken = take_both();
  if (!taken) streams_taken = false;
  return taken;
}

result<authorized_keys_ptr> parent_key() {
  const char* line = std::getenv(parent_key_variable);
  if (line == nullptr) return authorized_keys_ptr{};
  auto list = std::make_shared<const authorized_keys>(authorized_keys::only(parent_key_variable, line));
  if (list->admits_nobody()) return wrong(parent_key_variable, " holds no public key");
  return authorized_keys_ptr{std::move(list)};
}

void forget_parent_key() noexcept { ::unsetenv(parent_key_variable); }

}  // namespace duplex::transport
