// SPDX-License-Identifier: BSD-2-Clause
#include "transport/child.hpp"

#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <vector>

namespace duplex::transport {
namespace {

struct actions {
  posix_spawn_file_actions_t of;
  actions() { posix_spawn_file_actions_init(&of); }
  actions(const actions&) = delete;
  actions& operator=(const actions&) = delete;
  ~actions() { posix_spawn_file_actions_destroy(&of); }
};

struct attributes {
  posix_spawnattr_t of;
  attributes() { posix_spawnattr_init(&of); }
  attributes(const attributes&) = delete;
  attributes& operator=(const attributes&) = delete;
  ~attributes() { posix_spawnattr_destroy(&of); }
};

int spawn_shell(const std::string& command, std::string variable, int socket, pid_t& id) {
  actions streams;
  posix_spawn_file_actions_adddup2(&streams.of, socket, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&streams.of, socket, STDOUT_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&streams.of, STDERR_FILENO + 1);  // Asio's sockets are not close-on-exec
  attributes how;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&how.of, &none);
  posix_spawnattr_setsigdefault(&how.of, &all);
  posix_spawnattr_setpgroup(&how.of, 0);
  posix_spawnattr_setflags(&how.of, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  const std::string_view named{variable.data(), variable.find('=') + 1};
  std::vector<char*> environment;
  for (char** inherited = environ; *inherited != nullptr; ++inherited)
    if (!std::string_view{*inherited}.starts_with(named)) environment.push_back(*inherited);
  environment.push_back(variable.data());
  environment.push_back(nullptr);
  std::string shell = "sh", option = "-c", text = command;
  char* const arguments[] = {shell.data(), option.data(), text.data(), nullptr};
  return ::posix_spawn(&id, "/bin/sh", &streams.of, &how.of, arguments, environment.data());
}

}  // namespace

result<child> child::start(const std::string& command, const std::string& variable, int socket) {
  pid_t id = 0;
  if (const int wrong = spawn_shell(command, variable, socket, id); wrong != 0)
    return {errc::io, std::string{"cannot start /bin/sh: "} + std::strerror(wrong)};
  child made{id};
  made.watch_ = unique_fd{static_cast<int>(::syscall(SYS_pidfd_open, id, 0))};
  if (!made.watch_) return {errc::io, std::string{"pidfd_open: "} + std::strerror(errno)};
  return made;
}

// The process is reaped only here: until then nobody else can get its id, nor its group's.
void child::end() noexcept {
  if (id_ < 0) return;
  siginfo_t how{};
  // Where the application ignores SIGCHLD the system reaps, and the number may be another's by now.
  if (::waitid(P_PID, static_cast<id_t>(id_), &how, WEXITED | WNOWAIT | WNOHANG) == 0) signal(SIGKILL);
  while (::waitid(P_PID, static_cast<id_t>(id_), &how, WEXITED) != 0 && errno == EINTR) {
  }
  id_ = -1;
}

bool child::has_ended() const noexcept {
  siginfo_t how{};
  return ::waitid(P_PID, static_cast<id_t>(id_), &how, WEXITED | WNOWAIT | WNOHANG) != 0 || how.si_pid != 0;
}

void child::signal(int number) const noexcept { ::kill(-id_, number); }

std::string child::last_word() const {
  siginfo_t how{};
  if (::waitid(P_PID, static_cast<id_t>(id_), &how, WEXITED | WNOWAIT | WNOHANG) != 0)
    return "the command ended";  // the application ignores SIGCHLD, so the system has reaped it
  if (how.si_code == CLD_EXITED) return "the command ended with status " + std::to_string(how.si_status);
  const char* name = ::sigabbrev_np(how.si_status);
  return "the command was ended by SIG" + (name != nullptr ? std::string{name} : std::to_string(how.si_status));
}

}  // namespace duplex::transport
