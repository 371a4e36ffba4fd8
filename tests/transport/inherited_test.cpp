// SPDX-License-Identifier: BSD-2-Clause
#include "transport/inherited.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <array>
#include <functional>
#include <string>

using namespace duplex;
using namespace duplex::transport;

namespace {

// Runs `what` in a child whose stdin and stdout are `in` and `out`: what it returns, up to 200, comes back.
int with_streams(int in, int out, const std::function<int()>& what) {
  const pid_t id = ::fork();
  if (id == 0) {
    ::dup2(in, STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::_exit(what());
  }
  int status = 0;
  REQUIRE(::waitpid(id, &status, 0) == id);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

std::string file_of(int fd) {
  char name[256] = {};
  return ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), name, sizeof name - 1) > 0 ? name : "";
}

struct ends {
  std::array<int, 2> fd{};
  explicit ends(bool socket) {
    REQUIRE((socket ? ::socketpair(AF_UNIX, SOCK_STREAM, 0, fd.data()) : ::pipe2(fd.data(), 0)) == 0);
  }
  ~ends() {
    for (const int one : fd) ::close(one);
  }
};

}  // namespace

TEST_CASE("inherited: one socket on stdin and stdout is one, and what is printed later goes to stderr", "[inherited]") {
  const ends pair{true};
  CHECK(with_streams(pair.fd[0], pair.fd[0], [] {
          const auto socket = file_of(STDIN_FILENO);
          const auto taken = take_standard_streams();
          if (!taken || taken->out) return 1;
          if (file_of(taken->in.get()) != socket || (::fcntl(taken->in.get(), F_GETFD) & FD_CLOEXEC) == 0) return 2;
          if (file_of(STDOUT_FILENO) != file_of(STDERR_FILENO) || file_of(STDIN_FILENO) != "/dev/null") return 3;
          return take_standard_streams().error().code() == errc::already_exists ? 0 : 4;
        }) == 0);
}

TEST_CASE("inherited: stdin and stdout of two pipes are two", "[inherited]") {
  const ends in{false}, out{false};
  CHECK(with_streams(in.fd[0], out.fd[1], [] {
          const auto from = file_of(STDIN_FILENO), to = file_of(STDOUT_FILENO);
          const auto taken = take_standard_streams();
          if (!taken) return 1;
          return file_of(taken->in.get()) == from && file_of(taken->out.get()) == to ? 0 : 2;
        }) == 0);
}

TEST_CASE("inherited: standard streams that are refused stay as they are", "[inherited]") {
  const ends pipe{false};
  const int file = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  CHECK(with_streams(pipe.fd[0], file, [] {
          const auto from = file_of(STDIN_FILENO);
          const auto refused = take_standard_streams();
          if (refused || refused.error().code() != errc::invalid_argument) return 1;
          if (refused.error().context().find("stdout is neither a socket nor a pipe") == std::string::npos) return 2;
          return file_of(STDIN_FILENO) == from ? 0 : 3;
        }) == 0);
  ::close(file);
}
