// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tools_tests {

/// Every wait ends by then; long enough for sanitizers on a busy machine. Never waited out when a test passes.
inline constexpr std::chrono::seconds patience{40};

using words = std::vector<std::string>;
using environment = std::vector<std::pair<std::string, std::string>>;

/// A program that a test runs. What waits here moves its stdin, stdout and stderr meanwhile, and throws with all that
/// is known when `patience` has passed. The destructor kills it.
class program {
 public:
  explicit program(words arguments, const environment& with = {});
  /// The same with `err` (a terminal's end) as its stderr instead of a pipe.
  program(words arguments, const environment& with, int err);
  program(const program&) = delete;
  program& operator=(const program&) = delete;
  ~program();

  /// Queued; sent while something waits.
  void write(std::string_view text) { to_send_ += text; }
  void close_stdin() { close_wanted_ = true; }
  void close_stdout();
  void signal(int number) const;
  [[nodiscard]] pid_t id() const { return id_; }

  /// Waits for the next line of stdout that begins with `prefix`, and gives what follows it.
  std::string line(std::string_view prefix);
  /// Waits for that much stdout, or for a part of stderr.
  void wait_for_output(std::size_t size);
  /// Waits for a part of stdout at `from` or later, and gives where it ends.
  std::size_t wait_for_output(std::string_view part, std::size_t from);
  void wait_for_error(std::string_view part);
  /// Waits for its end: the exit code, or 128 and the signal's number.
  int wait();

  [[nodiscard]] const std::string& out() const { return out_; }
  [[nodiscard]] const std::string& err() const { return err_; }

 private:
  void start(const environment& with, int err);
  void until(const char* what, const std::function<bool()>& done);
  void move(int milliseconds);
  void send();
  [[nodiscard]] std::string describe() const;

  words arguments_;
  pid_t id_ = -1;
  int ended_ = -1;  // a pidfd
  int stdin_ = -1, stdout_ = -1, stderr_ = -1;
  std::string to_send_, out_, err_;
  std::size_t sent_ = 0, read_lines_ = 0;
  bool close_wanted_ = false, over_ = false;
};

struct outcome {
  int status;
  std::string out, err;
};
/// Runs to its end with `input` on stdin.
outcome run(words arguments, std::string_view input = {}, const environment& with = {});

/// Waits until that process, of whoever, is gone.
bool wait_until_gone(pid_t id);

}  // namespace tools_tests
