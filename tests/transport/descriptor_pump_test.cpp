// SPDX-License-Identifier: BSD-2-Clause
#include "transport/descriptor_pump.hpp"

#include <duplex/runtime.hpp>

#include "runtime/scheduler.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <array>
#include <csignal>
#include <string>

using namespace duplex;
using namespace std::chrono_literals;
using transport::unique_fd;

namespace {

constexpr int patience = 20'000;  // milliseconds

// A pump between two pipes and a socket, and the test's ends of all three.
struct pumped {
  explicit pumped(std::chrono::milliseconds linger = 10s) {
    std::array<int, 2> in{}, out{}, pair{};
    REQUIRE(::pipe2(in.data(), O_CLOEXEC) == 0);
    REQUIRE(::pipe2(out.data(), O_CLOEXEC) == 0);
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
    to_in = unique_fd{in[1]}, from_out = unique_fd{out[0]}, socket = unique_fd{pair[0]};
    shared_in = unique_fd{::dup(in[0])};
    rt.system().spawn<transport::descriptor_pump>(&detail::scheduler::of(rt.system()).next(), unique_fd{in[0]},
                                                  unique_fd{out[1]}, unique_fd{pair[1]}, linger);
  }
  bool ends() { return rt.shutdown(20s).clean; }

  unique_fd to_in, from_out, socket, shared_in;
  runtime rt;
};

bool ready(const unique_fd& fd, short what) {
  pollfd waits{fd.get(), what, 0};
  return ::poll(&waits, 1, patience) > 0;
}

// Up to `size` bytes, fewer at the end of the stream.
std::string read_some(const unique_fd& from, std::size_t size) {
  std::string text;
  char chunk[4096];
  while (text.size() < size && ready(from, POLLIN)) {
    const auto n = ::read(from.get(), chunk, std::min(sizeof chunk, size - text.size()));
    if (n <= 0) break;
    text.append(chunk, static_cast<std::size_t>(n));
  }
  return text;
}

bool write_all(const unique_fd& to, std::string_view text) {
  return ::write(to.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// Writes without waiting until nothing more is taken; how much that was.
std::size_t fill(const unique_fd& to) {
  const std::string chunk(4096, 'x');
  std::size_t sum = 0;
  for (ssize_t n = 0; n >= 0; sum += static_cast<std::size_t>(std::max<ssize_t>(n, 0)))
    n = ::send(to.get(), chunk.data(), chunk.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sum;
}

}  // namespace

TEST_CASE("pump: both ways at once, and each way's end by itself", "[pump]") {
  pumped p;
  REQUIRE(write_all(p.to_in, "question"));
  REQUIRE(write_all(p.socket, "greeting"));
  CHECK(read_some(p.socket, 8) == "question");
  CHECK(read_some(p.from_out, 8) == "greeting");
  p.to_in = unique_fd{};
  CHECK(read_some(p.socket, 1).empty());  // the end
  REQUIRE(write_all(p.socket, "answer"));
  CHECK(read_some(p.from_out, 6) == "answer");
  p.socket = unique_fd{};
  CHECK(read_some(p.from_out, 1).empty());
  CHECK(p.ends());
}

TEST_CASE("pump: what was sent before the socket's end still goes out, however slowly it is read", "[pump]") {
  pumped p;
  const auto sent = fill(p.socket);
  p.socket = unique_fd{};
  CHECK(read_some(p.from_out, sent + 1).size() == sent);
  CHECK(p.ends());
}

TEST_CASE("pump: a reader that takes nothing is given up after linger", "[pump]") {
  pumped p{50ms};
  while (fill(p.socket) != 0) REQUIRE(ready(p.from_out, POLLIN));
  p.socket = unique_fd{};
  CHECK(p.ends());
  REQUIRE(write_all(p.to_in, "x"));  // the test's copy of the other end is open
}

TEST_CASE("pump: a pipe that nobody reads ends the pump, and not by a signal", "[pump]") {
  const auto was = std::signal(SIGPIPE, SIG_DFL);
  pumped p;
  p.from_out = unique_fd{};
  REQUIRE(write_all(p.socket, "x"));
  CHECK(read_some(p.socket, 1).empty());
  CHECK(p.ends());
  std::signal(SIGPIPE, was);
}

TEST_CASE("pump: pipes that others share go on blocking for them", "[pump]") {
  pumped p;
  REQUIRE(write_all(p.to_in, "x"));
  REQUIRE(read_some(p.socket, 1) == "x");
  CHECK((::fcntl(p.shared_in.get(), F_GETFL) & O_NONBLOCK) == 0);
  p.socket = unique_fd{};
  CHECK(p.ends());
  CHECK((::fcntl(p.shared_in.get(), F_GETFL) & O_NONBLOCK) == 0);
}
