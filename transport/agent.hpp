// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/result.hpp>

#include "transport/unique_fd.hpp"

#include <libssh/libssh.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace duplex::transport {

/// *Worker-bound.* Authenticates a session with the keys of an ssh-agent. libssh talks to the agent synchronously and
/// without a time limit, and an agent may have to ask its user first: each step runs on a thread of its own, on a
/// socket that `interrupt` shuts down. While `busy` nobody else may touch the session.
class agent {
 public:
  /// `where` is what options::identity_agent takes. Errors: `auth_failed` when the variable names none, `io` when
  /// nobody answers there.
  static result<std::unique_ptr<agent>> connect(const std::string& where);
  ~agent() { interrupt(); }
  agent(const agent&) = delete;
  agent& operator=(const agent&) = delete;

  /// One ssh_userauth_agent, as often as that says SSH_AUTH_AGAIN. `done` is called on the step's thread. Errors:
  /// `resource_exhausted` when there is no thread.
  result<void> step(ssh_session ssh, std::function<void()> done);
  [[nodiscard]] bool busy() const noexcept { return thread_.joinable(); }
  /// Waits for the step, which is over or about to be once `done` was called, and gives what libssh said.
  int join();
  /// Ends the step that is under way; libssh has an error then. No further step.
  void interrupt() noexcept;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  agent(std::string path, unique_fd socket) : path_(std::move(path)), socket_(std::move(socket)) {}

  std::string path_;
  unique_fd socket_;
  bool libssh_has_it_ = false;
  int answer_ = SSH_AUTH_AGAIN;  // the thread's, until it is joined
  std::thread thread_;
};

}  // namespace duplex::transport
