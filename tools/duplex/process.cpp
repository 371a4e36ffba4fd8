// SPDX-License-Identifier: BSD-2-Clause
#include "tools/duplex/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace duplex::tools {
namespace {

constexpr int last_chance = 500;  // milliseconds between SIGTERM and SIGKILL when this program itself is ending

// A pipe whose ends close with it.
struct pipe_ends {
  std::array<int, 2> fd{-1, -1};

  pipe_ends() = default;
  pipe_ends(const pipe_ends&) = delete;
  pipe_ends& operator=(const pipe_ends&) = delete;
  ~pipe_ends() {
    for (const int end : fd)
      if (end >= 0) ::close(end);
  }
  bool open() { return ::pipe2(fd.data(), O_CLOEXEC) == 0; }
  int release(std::size_t end) { return std::exchange(fd[end], -1); }
};

error failed(const char* what, int number) { return {errc::io, std::string{what} + ": " + std::strerror(number)}; }

// With the signals as a shell expects them, whatever this program has blocked or ignored.
int spawn_shell(const std::string& command, std::vector<std::string>& variables, int in, int out, int err, pid_t& id) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);  // Asio's sockets are not close-on-exec
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::string shell = "sh", option = "-c", text = command;
  char* const arguments[] = {shell.data(), option.data(), text.data(), nullptr};
  std::vector<char*> environment;
  for (auto& one : variables) environment.push_back(one.data());
  for (char** inherited = environ; *inherited != nullptr; ++inherited) environment.push_back(*inherited);
  environment.push_back(nullptr);
  const int wrong = ::posix_spawn(&id, "/bin/sh", &actions, &attributes, arguments, environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return wrong;
}

}  // namespace

result<std::unique_ptr<process>> process::spawn(const boost::asio::any_io_executor& on, const std::string& command,
                                                std::vector<std::string> variables) {
  pipe_ends in, out, err;
  if (!in.open() || !out.open() || !err.open()) return failed("pipe", errno);
  pid_t id = 0;
  if (const int wrong = spawn_shell(command, variables, in.fd[0], out.fd[1], err.fd[1], id); wrong != 0)
    return failed("cannot start /bin/sh", wrong);
  std::unique_ptr<process> made{new process{on, id}};
  const int watch = static_cast<int>(::syscall(SYS_pidfd_open, id, 0));
  if (watch < 0) return failed("pidfd_open", errno);
  made->ended.assign(watch);
  made->in.assign(in.release(1));
  made->out.assign(out.release(0));
  made->err.assign(err.release(0));
  return made;
}

// The process is reaped only here: until then nobody else can get its id, nor its group's.
process::~process() {
  signal(SIGTERM);
  if (ended.is_open()) {
    pollfd gone{ended.native_handle(), POLLIN, 0};
    ::poll(&gone, 1, last_chance);
  }
  signal(SIGKILL);
  while (::waitpid(id_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void process::signal(int number) noexcept { ::kill(-id_, number); }

int process::status() const noexcept {
  siginfo_t how{};
  if (::waitid(P_PID, static_cast<id_t>(id_), &how, WEXITED | WNOWAIT | WNOHANG) != 0) return 255;
  return how.si_code == CLD_EXITED ? how.si_status : 128 + how.si_status;
}

}  // namespace duplex::tools
