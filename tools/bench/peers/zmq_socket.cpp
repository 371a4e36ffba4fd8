// SPDX-License-Identifier: BSD-2-Clause
#include "tools/bench/peers/zmq_socket.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <thread>

namespace bench {
namespace {

// Made by zmq_curve_keypair for this program; they protect nothing.
constexpr const char* server_public = "C=F@DV&P(fRC?FlnX7iryX.78.)Z3jJ8jFvxXkpQ";
constexpr const char* server_secret = "*K}3ElQ#!m@0]PmY*!@6@#uk2gH*XgfAy8v/D9br";
constexpr const char* client_public = "Zn3#p:aQ.SQFau]^B1Kd!gf}}kd)jbf!%Bi<38-D";
constexpr const char* client_secret = "!n)4-?rndu+zgvewaYc.GP#>o=[Q:suXJdO2{M4z";

constexpr int most_sockets = 8192;  // 1,000 idle sessions, and those that connect has closed but the reaper not yet
constexpr int backlog = 1024;
constexpr auto zap_address = "inproc://zeromq.zap.01";  // RFC 27

bool is_secured(const settings& with) { return setting(with, "security", "curve") == "curve"; }

/// Answers libzmq's questions whether a client's key is known (RFC 27), one at a time.
void authenticate(zmq_socket& questions) {
  std::array<std::uint8_t, 32> known;
  zmq_z85_decode(known.data(), client_public);
  enum { version, request, domain, address, identity, mechanism, credentials, count };
  for (;;) {
    std::array<std::string, count> parts;
    for (auto& part : parts) {
      std::array<char, 256> buffer;
      part.assign(buffer.data(), std::min(questions.receive(buffer.data(), buffer.size()), buffer.size()));
    }
    const auto& key = parts[credentials];
    const bool is_known = parts[mechanism] == "CURVE" && key.size() == known.size() &&
                          std::memcmp(key.data(), known.data(), known.size()) == 0;
    questions.send(parts[version], ZMQ_SNDMORE);
    questions.send(parts[request], ZMQ_SNDMORE);
    questions.send(is_known ? "200" : "400", ZMQ_SNDMORE);
    for (int i = 0; i < 2; ++i) questions.send("", ZMQ_SNDMORE);  // text, user
    questions.send("");                                           // metadata
  }
}

void start_authentication() {
  static zmq_socket questions(ZMQ_REP);
  questions.bind(zap_address);
  std::thread([] { authenticate(questions); }).detach();
}

}  // namespace

void* zmq_context() {
  static void* const made = [] {
    void* context = zmq_ctx_new();
    checked(zmq_ctx_set(context, ZMQ_MAX_SOCKETS, most_sockets), "ZMQ_MAX_SOCKETS");
    return context;
  }();
  return made;
}

int checked(int result, std::string_view did) {
  if (result < 0) fail(std::string(did) + ": " + zmq_strerror(zmq_errno()));
  return result;
}

void* zmq_socket::zmq_socket_of(int type) {
  void* made = ::zmq_socket(zmq_context(), type);
  if (!made) checked(-1, "socket");
  return made;
}

zmq_socket::~zmq_socket() {
  if (socket_) zmq_close(socket_);
}

void zmq_socket::set(int option, int value) {
  checked(zmq_setsockopt(socket_, option, &value, sizeof value), "option " + std::to_string(option));
}

void zmq_socket::set(int option, std::string_view value) {
  checked(zmq_setsockopt(socket_, option, value.data(), value.size()), "option " + std::to_string(option));
}

void zmq_socket::set_high_water_mark(int messages) {
  set(ZMQ_SNDHWM, messages);
  set(ZMQ_RCVHWM, messages);
}

void zmq_socket::connect(const std::string& address) {
  checked(zmq_connect(socket_, address.c_str()), "connect " + address);
}

void zmq_socket::connect_and_wait(const std::string& address) {
  static int count = 0;  // a monitor's name may be taken until the reaper has closed the one before
  const auto name = "inproc://handshake" + std::to_string(count++);
  checked(zmq_socket_monitor(socket_, name.c_str(), ZMQ_EVENT_HANDSHAKE_SUCCEEDED), "monitor");
  zmq_socket events(ZMQ_PAIR);
  events.connect(name);
  connect(address);
  std::array<char, 128> part;  // the event, then the address
  for (int i = 0; i < 2; ++i) events.receive(part.data(), part.size());
}

std::string zmq_socket::bind(const std::string& address) {
  checked(zmq_bind(socket_, address.c_str()), "bind " + address);
  std::array<char, 128> bound{};
  auto size = bound.size();
  checked(zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, bound.data(), &size), "endpoint");
  return bound.data();
}

void zmq_socket::send(std::string_view message, int flags) {
  checked(zmq_send(socket_, message.data(), message.size(), flags), "send");
}

std::size_t zmq_socket::receive(void* to, std::size_t room) {
  return static_cast<std::size_t>(checked(zmq_recv(socket_, to, room, 0), "receive"));
}

std::string_view zmq_socket::receive(zmq_msg_t& into) {
  checked(zmq_msg_recv(&into, socket_, 0), "receive");
  return {static_cast<const char*>(zmq_msg_data(&into)), zmq_msg_size(&into)};
}

zmq_socket unconnected_zmq(int type, const settings& with, int high_water_mark) {
  zmq_socket made(type);
  made.set_high_water_mark(high_water_mark);
  made.set(ZMQ_LINGER, 0);
  if (is_secured(with)) {
    made.set(ZMQ_CURVE_SERVERKEY, server_public);
    made.set(ZMQ_CURVE_PUBLICKEY, client_public);
    made.set(ZMQ_CURVE_SECRETKEY, client_secret);
  }
  return made;
}

zmq_socket dial_zmq(int type, const std::string& address, const settings& with, int high_water_mark) {
  auto made = unconnected_zmq(type, with, high_water_mark);
  made.connect(address);
  return made;
}

std::string serve_zmq(int type, const settings& with, int high_water_mark, void (*serve)(zmq_socket&)) {
  static zmq_socket listening(type);
  listening.set_high_water_mark(high_water_mark);
  listening.set(ZMQ_BACKLOG, backlog);
  if (is_secured(with)) {
    start_authentication();
    listening.set(ZMQ_ZAP_DOMAIN, "bench");
    listening.set(ZMQ_CURVE_SERVER, 1);
    listening.set(ZMQ_CURVE_SECRETKEY, server_secret);
  }
  const auto address = listening.bind("tcp://" + setting(with, "host", "127.0.0.1") + ":*");
  std::thread([serve] { serve(listening); }).detach();
  return address;
}

}  // namespace bench
