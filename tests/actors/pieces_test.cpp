// SPDX-License-Identifier: BSD-2-Clause
// In how many packets a batch leaves, counted by a client that knows nothing of Duplex.
#include "tests/actors/raw_client.hpp"

#include <pthread.h>
#include <sched.h>

#include <future>

using namespace duplex;
using namespace duplex::test;

namespace {

/// Keeps the calling thread on one CPU, until it goes.
class pinned_here {
 public:
  explicit pinned_here(std::size_t cpu) {
    pthread_getaffinity_np(pthread_self(), sizeof before_, &before_);
    pin(cpu);
  }
  ~pinned_here() { pthread_setaffinity_np(pthread_self(), sizeof before_, &before_); }
  pinned_here(const pinned_here&) = delete;
  pinned_here& operator=(const pinned_here&) = delete;

  static void pin(std::size_t cpu) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
  }

 private:
  cpu_set_t before_{};
};

std::vector<std::size_t> usable_cpus() {
  cpu_set_t all;
  CPU_ZERO(&all);
  sched_getaffinity(0, sizeof all, &all);
  std::vector<std::size_t> list;
  for (std::size_t i = 0; i < CPU_SETSIZE; ++i)
    if (CPU_ISSET(i, &all)) list.push_back(i);
  return list;
}

/// The sizes of the packets in which frames of 60 bytes arrive (64 with the header) that were written at once.
std::vector<std::size_t> packets_of(std::size_t frames, std::size_t server, std::size_t client) {
  runtime rt{{.workers = 1}};
  auto hub = rt.spawn_peer(with_keys({.name = "hub"}));
  std::promise<channel> accepted;
  REQUIRE(hub.serve("many", [&, server](channel ch) {
    pinned_here::pin(server);
    accepted.set_value(std::move(ch));
  }));
  const pinned_here here{client};
  raw_client far{hub.bind("tcp://127.0.0.1:0")->str(), test_key()};
  auto opened = far.open("many", "");
  std::vector<std::size_t> sizes;
  opened->callbacks.userdata = &sizes;
  opened->callbacks.channel_data_function = [](ssh_session, ssh_channel, void*, std::uint32_t size, int, void* user) {
    static_cast<std::vector<std::size_t>*>(user)->push_back(size);
    return static_cast<int>(size);
  };
  auto arriving = accepted.get_future();
  REQUIRE(arriving.wait_for(patience) == std::future_status::ready);
  auto near = arriving.get();
  frame_writer batch;
  for (std::size_t i = 0; i < frames; ++i) batch.put(std::string(60, 'x'));
  REQUIRE(near.write_frames(batch.take()));
  CHECK(eventually([&] {
    ssh_channel_poll_timeout(opened->raw, 10, 0);
    std::size_t sum = 0;
    for (const auto one : sizes) sum += one;
    return sum == 64 * frames;
  }));
  ssh_remove_channel_callbacks(opened->raw, &opened->callbacks);
  return sizes;
}

}  // namespace

TEST_CASE("pieces: a batch leaves in quarters, of 16 frames at least, to whom another CPU runs", "[pieces]") {
  const auto cpus = usable_cpus();
  if (cpus.size() < 2) {
    WARN("skipped: there is one CPU only");
    return;
  }
  CHECK(packets_of(64, cpus[0], cpus[1]) == std::vector<std::size_t>(4, 16 * 64));
  CHECK(packets_of(256, cpus[0], cpus[1]) == std::vector<std::size_t>(4, 64 * 64));
  CHECK(packets_of(40, cpus[0], cpus[1]) == std::vector<std::size_t>{16 * 64, 16 * 64, 8 * 64});
  CHECK(packets_of(31, cpus[0], cpus[1]) == std::vector<std::size_t>{31 * 64});
}

TEST_CASE("pieces: a batch leaves at once to whom the same CPU runs", "[pieces]") {
  const auto cpu = usable_cpus().front();
  CHECK(packets_of(64, cpu, cpu) == std::vector<std::size_t>{64 * 64});
}
