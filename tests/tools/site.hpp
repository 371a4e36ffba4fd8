// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "tests/tools/program.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace tools_tests {

/// A folder of its own with a server's and a client's key, and the commands that use them.
class site {
 public:
  site();
  site(const site&) = delete;
  site& operator=(const site&) = delete;
  ~site();

  [[nodiscard]] std::string path(const std::string& name) const { return folder_ / name; }
  [[nodiscard]] environment variables() const;

  /// Starts `duplex serve` on a port of the system's choice, and waits until it is ready.
  void serve(words services, words more = {});
  [[nodiscard]] program& server() { return *server_; }
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
  [[nodiscard]] const std::string& fingerprint() const { return fingerprint_; }
  [[nodiscard]] std::uint16_t port() const;

  /// "duplex" and the arguments.
  [[nodiscard]] words duplex(words arguments) const;
  /// "duplex COMMAND" with the client's key and the server's pinned, then the arguments.
  [[nodiscard]] words dial(const std::string& command, words arguments) const;
  /// `duplex open` to the server, to its end.
  outcome open(words arguments, std::string_view input = {}) const;
  outcome run_duplex(words arguments, std::string_view input = {}) const;
  /// Stock ssh with the client's key, at the server (its port is for the caller to add when `serve` was not called).
  [[nodiscard]] words ssh(words arguments) const;

 private:
  std::filesystem::path folder_;
  std::unique_ptr<program> server_;
  std::string endpoint_, fingerprint_;
};

/// A listening socket of the test itself.
class listener {
 public:
  /// On a port of the system's choice, or at a path.
  listener();
  explicit listener(const std::string& path);
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;
  ~listener();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Waits for a connection; -1 when none came.
  [[nodiscard]] int accept() const;

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

/// Whether nobody has that port.
bool can_listen(std::uint16_t port);

/// Sockets of the test itself; what waits gives up after `patience`.
int connect_to(std::uint16_t port);
int connect_to(const std::string& path);
bool send_all(int fd, std::string_view text);
/// Up to `size` bytes, fewer when the other side ends first.
std::string receive(int fd, std::size_t size = SIZE_MAX);

/// Bytes that no compression or repetition could stand in for, the same each time.
std::string noise(std::size_t size);

}  // namespace tools_tests
