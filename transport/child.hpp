// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/result.hpp>

#include "transport/unique_fd.hpp"

#include <sys/types.h>

#include <string>
#include <utility>

namespace duplex::transport {

/// A command run by /bin/sh -c in a process group of its own, with one socket as its stdin and stdout, this process'
/// stderr, and signals as a shell expects them. Whoever has it ends and reaps the whole group. Thread: one at a time.
class child {
 public:
  /// `variable`, NAME=VALUE, takes the place of an inherited one. Blocks until the shell runs. Errors: `io`.
  static result<child> start(const std::string& command, const std::string& variable, int socket);
  child(child&& other) noexcept : id_(std::exchange(other.id_, -1)), watch_(std::move(other.watch_)) {}
  child& operator=(child&&) = delete;
  ~child() { end(); }

  /// Kills what is left of the group, and reaps.
  void end() noexcept;
  /// A descriptor that becomes readable when the process ends; to be taken once.
  [[nodiscard]] int release_watch() noexcept { return watch_.release(); }
  [[nodiscard]] bool has_ended() const noexcept;
  /// To the whole group.
  void signal(int number) const noexcept;
  /// "the command ended with status 127". Only once it has ended.
  [[nodiscard]] std::string last_word() const;

 private:
  explicit child(pid_t id) noexcept : id_(id) {}

  pid_t id_;
  unique_fd watch_;
};

}  // namespace duplex::transport
