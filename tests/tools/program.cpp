// SPDX-License-Identifier: BSD-2-Clause
#include "tests/tools/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

namespace tools_tests {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t shown = 600;  // of an output in a failure's text

void check(bool good, const char* what) {
  if (!good) throw std::runtime_error(what);
}

std::string tail(const std::string& text) {
  return text.size() <= shown ? text : "... " + text.substr(text.size() - shown);
}

// Reads what is there; false at the end.
bool read_some(int fd, std::string& into) {
  std::array<char, 65536> chunk;
  const auto n = ::read(fd, chunk.data(), chunk.size());
  if (n > 0) into.append(chunk.data(), static_cast<std::size_t>(n));
  return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

void close_fd(int& fd) {
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

}  // namespace

program::program(words arguments, const environment& with) : arguments_(std::move(arguments)) { start(with, -1); }

program::program(words arguments, const environment& with, int err) : arguments_(std::move(arguments)) {
  start(with, err);
}

void program::start(const environment& with, int err) {
  std::array<int, 2> in{}, out{}, error_pipe{-1, -1};
  check(::pipe2(in.data(), O_CLOEXEC) == 0 && ::pipe2(out.data(), O_CLOEXEC) == 0, "pipe");
  if (err < 0) {
    check(::pipe2(error_pipe.data(), O_CLOEXEC) == 0, "pipe");
    err = error_pipe[1];
  }
  std::vector<char*> argv;
  for (auto& word : arguments_) argv.push_back(word.data());
  argv.push_back(nullptr);
  id_ = ::fork();
  check(id_ >= 0, "fork");
  if (id_ == 0) {
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    for (const int ignored : {SIGPIPE, SIGHUP}) std::signal(ignored, SIG_DFL);  // here, or by nohup
    for (const auto& [name, value] : with) ::setenv(name.c_str(), value.c_str(), 1);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  close_fd(error_pipe[1]);
  stdin_ = in[1];
  stdout_ = out[0];
  stderr_ = error_pipe[0];
  ended_ = static_cast<int>(::syscall(SYS_pidfd_open, id_, 0));
  check(ended_ >= 0, "pidfd_open");
  for (const int fd : {stdin_, stdout_, stderr_})
    if (fd >= 0) ::fcntl(fd, F_SETFL, O_NONBLOCK);
}

program::~program() {
  if (!over_) {
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
  }
  for (int* fd : {&ended_, &stdin_, &stdout_, &stderr_}) close_fd(*fd);
}

void program::close_stdout() { close_fd(stdout_); }

void program::signal(int number) const { ::kill(id_, number); }

void program::send() {
  if (sent_ < to_send_.size()) {
    const auto n = ::write(stdin_, to_send_.data() + sent_, to_send_.size() - sent_);
    if (n > 0) sent_ += static_cast<std::size_t>(n);
    if (n < 0 && errno != EAGAIN && errno != EINTR) close_fd(stdin_);  // it does not read any more
  }
  if (sent_ == to_send_.size() && close_wanted_) close_fd(stdin_);
}

// One round of all streams.
void program::move(int milliseconds) {
  if (stdin_ >= 0) send();
  const bool sending = stdin_ >= 0 && sent_ < to_send_.size();
  std::array<pollfd, 4> waits{pollfd{sending ? stdin_ : -1, POLLOUT, 0}, pollfd{stdout_, POLLIN, 0},
                              pollfd{stderr_, POLLIN, 0}, pollfd{ended_, POLLIN, 0}};
  ::poll(waits.data(), waits.size(), milliseconds);
  if (waits[1].revents != 0 && !read_some(stdout_, out_)) close_fd(stdout_);
  if (waits[2].revents != 0 && !read_some(stderr_, err_)) close_fd(stderr_);
}

void program::until(const char* what, const std::function<bool()>& done) {
  const auto deadline = clock::now() + patience;
  while (!done()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock::now()).count();
    if (left <= 0) throw std::runtime_error(std::string{"waited in vain for "} + what + describe());
    pollfd gone{ended_, POLLIN, 0};
    const bool ended = ::poll(&gone, 1, 0) > 0;
    if (ended && stdout_ < 0 && stderr_ < 0)
      throw std::runtime_error(std::string{"it ended before "} + what + describe());
    move(static_cast<int>(left));
  }
}

std::string program::line(std::string_view prefix) {
  std::string found;
  until(("a line '" + std::string{prefix} + "'").c_str(), [&] {
    for (;;) {
      const auto end = out_.find('\n', read_lines_);
      if (end == std::string::npos) return false;
      const auto text = out_.substr(read_lines_, end - read_lines_);
      read_lines_ = end + 1;
      if (!text.starts_with(prefix)) continue;
      found = text.substr(prefix.size());
      return true;
    }
  });
  return found;
}

void program::wait_for_output(std::size_t size) {
  until("output", [&] { return out_.size() >= size; });
}

std::size_t program::wait_for_output(std::string_view part, std::size_t from) {
  until(("'" + std::string{part} + "' on stdout").c_str(), [&] { return out_.find(part, from) != std::string::npos; });
  return out_.find(part, from) + part.size();
}

void program::wait_for_error(std::string_view part) {
  until(("'" + std::string{part} + "' on stderr").c_str(), [&] { return err_.find(part) != std::string::npos; });
}

int program::wait() {
  const auto deadline = clock::now() + patience;
  siginfo_t how{};
  for (;;) {
    how.si_pid = 0;
    ::waitid(P_PID, static_cast<id_t>(id_), &how, WEXITED | WNOHANG | WNOWAIT);
    // Its children may hold the pipes open: their output is taken as far as it has come.
    if (how.si_pid != 0) break;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock::now()).count();
    if (left <= 0) throw std::runtime_error("waited in vain for its end" + describe());
    move(static_cast<int>(left));
  }
  for (auto* stream : {&stdout_, &stderr_}) {
    auto& text = stream == &stdout_ ? out_ : err_;
    for (pollfd rest{*stream, POLLIN, 0}; *stream >= 0 && ::poll(&rest, 1, 0) > 0;)
      if (!read_some(*stream, text)) close_fd(*stream);
  }
  ::waitpid(id_, nullptr, 0);
  over_ = true;
  return how.si_code == CLD_EXITED ? how.si_status : 128 + how.si_status;
}

std::string program::describe() const {
  std::string text = "\n  of:";
  for (const auto& word : arguments_) text += ' ' + word.substr(0, 200);
  return text + "\n  stdout: " + tail(out_) + "\n  stderr: " + tail(err_);
}

outcome run(words arguments, std::string_view input, const environment& with) {
  program one{std::move(arguments), with};
  one.write(input);
  one.close_stdin();
  const int status = one.wait();
  return {status, one.out(), one.err()};
}

bool wait_until_gone(pid_t id) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, id, 0));
  if (fd < 0) return errno == ESRCH;
  pollfd gone{fd, POLLIN, 0};
  const bool ended = ::poll(&gone, 1, static_cast<int>(std::chrono::milliseconds{patience}.count())) > 0;
  ::close(fd);
  return ended;
}

}  // namespace tools_tests
