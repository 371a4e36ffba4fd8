// SPDX-License-Identifier: BSD-2-Clause
#include "transport/local_socket.hpp"

#include <sys/socket.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <array>

using namespace duplex::transport;

TEST_CASE("unix: the send buffer is the double of the system's", "[unix]") {
  std::array<int, 2> pair{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
  enlarge_send_buffer(pair[0]);
  int size = 0;
  socklen_t length = sizeof size;
  REQUIRE(::getsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, &length) == 0);
  CHECK(size == 425'984);
  CHECK(is_local(pair[0]));
  for (const int one : pair) ::close(one);
  CHECK_FALSE(is_local(-1));
}
