// SPDX-License-Identifier: BSD-2-Clause
#pragma once
#include <zmq.h>

#include <string>
#include <string_view>
#include <utility>

#include "tools/bench/harness.hpp"

namespace bench {

/// One context, with one thread for all I/O, for the whole process.
void* zmq_context();

/// Ends the program with what `did` not work when `result` says so; else hands it on.
int checked(int result, std::string_view did);

/// A ZeroMQ socket; blocks, and ends the program when it fails. Worker-bound.
class zmq_socket {
 public:
  explicit zmq_socket(int type) : socket_(zmq_socket_of(type)) {}
  zmq_socket(zmq_socket&& from) noexcept : socket_(std::exchange(from.socket_, nullptr)) {}
  ~zmq_socket();

  void set(int option, int value);
  void set(int option, std::string_view value);
  /// Messages that may wait on this side; 0: any number.
  void set_high_water_mark(int messages);
  void connect(const std::string& address);
  /// Connects, and waits until both sides have authenticated each other.
  void connect_and_wait(const std::string& address);
  /// Returns the address that others connect to.
  std::string bind(const std::string& address);

  void send(std::string_view message, int flags = 0);
  /// Returns the size of the message, of which what does not fit into `room` is lost.
  std::size_t receive(void* to, std::size_t room);
  /// Returns the size of the message, which is valid until the next of its kind; for large ones, which are not copied.
  std::string_view receive(zmq_msg_t& into);

 private:
  static void* zmq_socket_of(int type);
  void* socket_;
};

/// security=curve (default): both know the other's key; the server asks its ZAP handler about the client's.
zmq_socket unconnected_zmq(int type, const settings& with, int high_water_mark);
zmq_socket dial_zmq(int type, const std::string& address, const settings& with, int high_water_mark);

/// Has `serve` run on a thread of its own, on a bound socket; returns the address.
std::string serve_zmq(int type, const settings& with, int high_water_mark, void (*serve)(zmq_socket&));

}  // namespace bench
