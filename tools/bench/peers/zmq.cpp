// SPDX-License-Identifier: BSD-2-Clause
// ZeroMQ 4.3.4: security=curve (default; X25519, XSalsa20-Poly1305) or none. Each connection is a DEALER, whose server
// is a DEALER, or a ROUTER where many come: DEALER queues as PUSH and PULL do, but both ways, and PAIR was no faster in
// rtt, rtt64 and frames. One thread for I/O and one of the program's on each side, which wait for each other: the price
// of its queues in rtt. zmq_send and zmq_recv copy a small frame once, as an allocated message would be filled once.
#include <array>
#include <thread>
#include <vector>

#include "tools/bench/peers/zmq_socket.hpp"

namespace bench {
namespace {

// Small frames over tcp: 1.2 to 1.3 million per second with any from 1,000 to 1,000,000, the I/O thread's cipher
// decides. Inproc: 7.7 million with 1,000, 9.1 with this, no more without a limit.
constexpr int many = 100'000;
// Of 1 MiB: 1,400 MB/s with 1 to 4, 1,050 with ZeroMQ's default of 1,000, which leaves the caches and fills memory.
constexpr int few = 2;

void echo(zmq_socket& on) {
  for (std::array<char, small_size> frame;;) on.send({frame.data(), on.receive(frame.data(), frame.size())});
}

void round_trip(zmq_socket& on) {
  std::array<char, small_size> frame{};
  round_trips trips;
  while (trips.lap()) {
    on.send({frame.data(), frame.size()});
    on.receive(frame.data(), frame.size());
  }
  trips.report();
}

void run_rtt(const std::string& address, const settings& with) {
  auto on = dial_zmq(ZMQ_DEALER, address, with, many);
  round_trip(on);
}

void run_rtt64(const std::string& address, const settings& with) {
  auto on = dial_zmq(ZMQ_DEALER, address, with, many);
  std::array<char, small_size> frame{};
  for (std::size_t i = 0; i < in_flight; ++i) on.send({frame.data(), frame.size()});
  meter done;
  do {
    on.receive(frame.data(), frame.size());
    on.send({frame.data(), frame.size()});
  } while (!done.done());
  report("per_second", done.rate());
}

/// Receives a one-way stream and answers its tally.
void count(zmq_socket& on) {
  tally seen;
  zmq_msg_t message;
  zmq_msg_init(&message);
  for (;;) {
    const auto frame = on.receive(message);
    if (frame.size() == last_size) break;
    seen.add(frame.data(), frame.size());
  }
  on.send({reinterpret_cast<const char*>(&seen), sizeof seen});
}

void send_one_way(zmq_socket& on, std::size_t size) {
  one_way sent{size};
  for (auto frame = sent.next(); !frame.empty(); frame = sent.next()) on.send(frame);
  on.send(std::string(last_size, 'L'));
  tally received;
  if (on.receive(&received, sizeof received) != sizeof received) fail("the answer is no tally");
  sent.finish(received);
}

void run_frames(const std::string& address, const settings& with) {
  auto on = dial_zmq(ZMQ_DEALER, address, with, many);
  send_one_way(on, small_size);
}

void run_bulk(const std::string& address, const settings& with) {
  auto on = dial_zmq(ZMQ_DEALER, address, with, few);
  send_one_way(on, bulk_size);
}

/// The handshake's event is 3 % faster than to see one byte come back.
void run_connect(const std::string& address, const settings& with) {
  meter done;
  do unconnected_zmq(ZMQ_DEALER, with, few).connect_and_wait(address);
  while (!done.done());
  report("per_second", done.rate());
}

/// Answers one byte to each message of any client.
void answer_each(zmq_socket& on) {
  std::array<char, 16> client;
  zmq_msg_t message;
  zmq_msg_init(&message);
  for (;;) {
    const auto size = on.receive(client.data(), client.size());
    on.receive(message);
    on.send({client.data(), size}, ZMQ_SNDMORE);
    on.send("x");
  }
}

constexpr std::size_t after_idle = std::size_t{4} << 20;

void run_idle_sessions(const std::string& address, const settings& with) {
  const auto sessions = setting(with, "sessions", std::size_t{1000});
  std::vector<zmq_socket> all;
  all.reserve(sessions);
  char byte = 'x';
  mark("before");
  while (all.size() < sessions) {
    all.push_back(dial_zmq(ZMQ_DEALER, address, with, few));
    all.back().send({&byte, 1});
    all.back().receive(&byte, 1);
  }
  mark("after");
  const std::string bulk(after_idle, 'x');
  for (auto& one : all) {
    one.send(bulk);
    one.receive(&byte, 1);
  }
  mark("after_bulk");
}

/// Two PAIR sockets with `far` served by a thread of its own; what is near. Both stay until the process ends.
zmq_socket& inproc_pair(const std::string& address, void (*serve)(zmq_socket&)) {
  auto* far = new zmq_socket(ZMQ_PAIR);
  auto* near = new zmq_socket(ZMQ_PAIR);
  for (auto* one : {far, near}) one->set_high_water_mark(many);
  far->bind(address);
  near->connect(address);
  std::thread([=] { serve(*far); }).detach();
  return *near;
}

void run_inproc(const std::string&, const settings&) {
  round_trip(inproc_pair("inproc://echo", echo));
  send_one_way(inproc_pair("inproc://count", count), small_size);
}

workload over(int type, int high_water_mark, void (*serve)(zmq_socket&),
              void (*run)(const std::string&, const settings&)) {
  return {[=](const settings& with) { return serve_zmq(type, with, high_water_mark, serve); }, run};
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  using namespace bench;
  const std::map<std::string, workload> workloads{
      {"rtt", over(ZMQ_DEALER, many, echo, run_rtt)},
      {"rtt64", over(ZMQ_DEALER, many, echo, run_rtt64)},
      {"frames", over(ZMQ_DEALER, many, count, run_frames)},
      {"bulk", over(ZMQ_DEALER, few, count, run_bulk)},
      {"connect", over(ZMQ_ROUTER, few, answer_each, run_connect)},
      {"idle_sessions", over(ZMQ_ROUTER, few, answer_each, run_idle_sessions)},
      {"inproc", {nullptr, run_inproc}}};
  return bench::main(argc, argv, workloads);
}
