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
  /// Stock ssh at the server, with the client's or another key: the options, then what stands after the host
  /// (its port is for the caller to add when `serve` was not called).
  [[nodiscard]] words ssh(words options, words command = {}) const { return ssh_as("client", options, command); }
  [[nodiscard]] words ssh_as(const std::string& key, words options, words command = {}) const;
  /// Runs it to its end.
  outcome run_ssh(words options, words command = {}, std::string_view input = {}) const;

  /// Another key; its public line.
  std::string make_key(const std::string& name) const;
  [[nodiscard]] std::string public_line(const std::string& key) const;
  /// Puts another access list in the place of the old one, as editors do.
  void admit(const std::string& lines) const;
  /// The same with only the client's key, under those options.
  void restrict_client(const std::string& options) const;

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

/// The resident memory of a process, in bytes.
std::size_t memory_of(pid_t id);

/// What a file holds, empty when there is none; and its permission bits, 0 then.
std::string content(const std::string& path);
mode_t mode(const std::string& path);

/// Bytes that no compression or repetition could stand in for, the same each time.
std::string noise(std::size_t size);

}  // namespace tools_tests
