// SPDX-License-Identifier: BSD-2-Clause
#include "tools/duplex/transfer.hpp"

#include <duplex/meta.hpp>
#include <duplex/percent.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

namespace duplex::tools {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t chunk_size = 1U << 16;

/// How far a long transfer has come, as a line on a terminal's stderr that is written over each second.
class progress {
 public:
  progress() : shown_(::isatty(STDERR_FILENO) != 0 && ::isatty(STDOUT_FILENO) == 0) {}
  ~progress() {
    if (lines_ != 0) write_all(STDERR_FILENO, "\n");
  }
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  void add(std::size_t count) {
    size_ += count;
    if (!shown_) return;
    const auto now = clock::now();
    if (now - last_ < std::chrono::seconds{1}) return;
    const auto seconds = std::chrono::duration<double>(now - last_).count();
    char line[80];
    std::snprintf(line, sizeof line, "\r%.1f MB received, %.1f MB/s   ", static_cast<double>(size_) / 1e6,
                  static_cast<double>(size_ - last_size_) / 1e6 / seconds);
    write_all(STDERR_FILENO, line);
    ++lines_;
    last_ = now;
    last_size_ = size_;
  }

 private:
  const bool shown_;
  clock::time_point last_ = clock::now();
  std::uint64_t size_ = 0, last_size_ = 0;
  unsigned lines_ = 0;
};

// The end of the stream or of the channel is no failure, whoever hears of it first.
void keep(std::optional<error>& where, const error& why) {
  if (why.code() != errc::end_of_stream && why.code() != errc::closed) where = why;
}

}  // namespace

result<std::vector<std::string>> transfer::run() {
  std::thread sending{[this] { send(); }};
  std::thread errors{[this] { receive_errors(); }};
  receive();
  if (receive_failure_ || !stdout_open_) (void)ch_.close();
  auto last = ch_.trailers();
  errors.join();
  stop_.raise();
  sending.join();
  for (const auto* failed : {&receive_failure_, &send_failure_})
    if (*failed) return **failed;
  if (!stdout_open_) return {errc::io, {}};
  if (!last && last.error().code() == errc::closed) return std::vector<std::string>{};
  return last;
}

void transfer::receive() {
  progress shown;
  std::string lines;
  while (stdout_open_) {
    if (frames_) {
      const auto batch = ch_.read_frames();
      if (!batch) return keep(receive_failure_, batch.error());
      lines.clear();
      for (const auto payload : *batch) lines.append(payload).append("\n");
      stdout_open_ = write_all(STDOUT_FILENO, lines);
      shown.add(lines.size());
    } else {
      const auto data = ch_.read();
      if (!data) return keep(receive_failure_, data.error());
      stdout_open_ = write_all(STDOUT_FILENO, *data);
      shown.add(data->size());
    }
  }
}

void transfer::receive_errors() {
  for (;;) {
    const auto frame = ch_.read_error();
    if (!frame) return;
    auto text = frame->str();
    if (frames_) text += '\n';
    write_all(STDERR_FILENO, text);
  }
}

void transfer::send() {
  std::vector<char> chunk(chunk_size);
  while (stop_.wait_for_stdin()) {
    const auto n = ::read(STDIN_FILENO, chunk.data(), chunk.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) keep(send_failure_, {errc::io, std::string{"stdin: "} + std::strerror(errno)});
    if (n <= 0) return end_sending();
    const std::string_view data{chunk.data(), static_cast<std::size_t>(n)};
    const auto sent = frames_ ? send_lines(data) : ch_.write(data);
    if (!sent) {
      keep(send_failure_, sent.error());
      if (send_failure_) (void)ch_.close();  // the service waits for what cannot be sent
      return;
    }
  }
}

result<void> transfer::send_lines(std::string_view data) {
  for (auto end = data.find('\n'); end != std::string_view::npos; end = data.find('\n')) {
    line_.append(data.substr(0, end));
    if (auto sent = ch_.write_frame(line_); !sent) return sent;
    line_.clear();
    data.remove_prefix(end + 1);
  }
  line_.append(data);
  // A line without an end must not fill the memory; this reports it as any frame over the limit.
  return line_.size() > max_frame_ ? ch_.write_frame(line_) : result<void>{};
}

void transfer::end_sending() {
  if (!line_.empty())
    if (const auto sent = ch_.write_frame(line_); !sent) keep(send_failure_, sent.error());
  (void)ch_.close_write();
}

int status_of(const std::vector<std::string>& trailers) {
  meta said;
  said.trailers = trailers;
  return static_cast<int>(std::min<std::uint32_t>(said.status(), transport_failure - 1));
}

int say_end(const peer_arguments& given, const std::vector<std::string>& trailers) {
  const int status = status_of(trailers);
  if (const auto reason = find_value(trailers, "reason"); reason && status != 0)
    fail(given, "the service ended with status " + std::to_string(status) + ": " + std::string{*reason}, status);
  return status;
}

}  // namespace duplex::tools
