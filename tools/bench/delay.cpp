// SPDX-License-Identifier: BSD-2-Clause
// usage: bench_delay MILLISECONDS NAMESPACE ADDRESS NAMESPACE ADDRESS
// A wire between two network namespaces that takes its time: a tun device in each, and packets cross after the delay,
// in both directions. For kernels without tc netem. Needs root; prints "ready", ends with its stdin.
#include <linux/if.h>
#include <linux/if_tun.h>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

namespace {

using clock = std::chrono::steady_clock;

// Ethernet's, as on the veth pair of network.py: with larger ones TCP's windows hold only a packet or two.
constexpr std::size_t largest_packet = 1500;
// As netem's limit in network.py: packets under way in one direction, beyond which they are lost.
constexpr std::size_t most_packets = 100'000;

[[noreturn]] void fail(const std::string& what) {
  std::perror(("bench_delay: " + what).c_str());
  std::exit(1);
}

int open_device(const std::string& space, const std::string& address) {
  const int entered = open(("/var/run/netns/" + space).c_str(), O_RDONLY | O_CLOEXEC);
  if (entered < 0 || setns(entered, CLONE_NEWNET) != 0) fail("enter namespace " + space);
  close(entered);
  const int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ifreq asked{};
  asked.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::strcpy(asked.ifr_name, "far%d");
  if (device < 0 || ioctl(device, TUNSETIFF, &asked) != 0) fail("make a tun device");
  const std::string name = asked.ifr_name;
  const auto set_up = "ip address add " + address + "/24 dev " + name + " && ip link set " + name + " mtu " +
                      std::to_string(largest_packet) + " txqueuelen 10000 up";
  if (std::system(set_up.c_str()) != 0) fail(set_up);
  return device;
}

/// One direction.
struct wire {
  struct packet {
    clock::time_point due;
    std::string content;
  };
  int from, to;
  std::deque<packet> under_way;

  void take_in(clock::duration delay) {
    static std::array<char, 1 << 16> buffer;
    for (ssize_t n; (n = read(from, buffer.data(), buffer.size())) > 0;)
      if (under_way.size() < most_packets)
        under_way.push_back({clock::now() + delay, std::string(buffer.data(), static_cast<std::size_t>(n))});
  }
  void let_out() {
    for (; !under_way.empty() && under_way.front().due <= clock::now(); under_way.pop_front())
      (void)!write(to, under_way.front().content.data(), under_way.front().content.size());
  }
  /// Until the next packet is due; a second when there is none.
  clock::duration wait() const {
    return under_way.empty() ? std::chrono::seconds{1}
                             : std::max(clock::duration::zero(), under_way.front().due - clock::now());
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) fail("usage: bench_delay MILLISECONDS NAMESPACE ADDRESS NAMESPACE ADDRESS");
  const std::chrono::milliseconds delay{std::atoi(argv[1])};
  const int one = open_device(argv[2], argv[3]), other = open_device(argv[4], argv[5]);
  std::array wires{wire{one, other, {}}, wire{other, one, {}}};
  std::puts("ready");
  std::fflush(stdout);
  std::array polled{pollfd{one, POLLIN, 0}, pollfd{other, POLLIN, 0}, pollfd{STDIN_FILENO, POLLIN, 0}};
  for (;;) {
    const auto wait = std::chrono::nanoseconds{std::min(wires[0].wait(), wires[1].wait())}.count();
    const timespec bound{wait / 1'000'000'000, wait % 1'000'000'000};
    if (ppoll(polled.data(), polled.size(), &bound, nullptr) < 0) fail("poll");
    if (polled[2].revents != 0) return 0;
    for (auto& each : wires) {
      each.take_in(delay);
      each.let_out();
    }
  }
}
