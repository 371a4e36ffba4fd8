// SPDX-License-Identifier: BSD-2-Clause
// How often a login asks its sockets.
#include "tests/actors/support.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

using namespace duplex;
using namespace duplex::test;

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {
std::atomic<std::uint64_t> polls{0};
}

// libssh's calls come here, for the program's own functions come before libc's.
extern "C" int poll(pollfd* fds, nfds_t count, int timeout) {
  ++polls;
  return static_cast<int>(::syscall(SYS_poll, fds, count, timeout));
}

TEST_CASE("handshake: both sides ask their sockets when something has come, not again and again", "[handshake]") {
  const auto before = polls.load();
  const pair p;
  const auto made = polls - before;
  // Five round trips, and two or three polls of libssh's for each on either side: 26 to 36. With an acceptor that asked
  // up to 64 times in a row while it waited: 88 to 160.
  CHECK(made > 10);
  CHECK(made < 60);
}

#endif
