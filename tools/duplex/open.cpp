// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/log.hpp>
#include <duplex/peer.hpp>
#include <duplex/percent.hpp>

#include "tools/duplex/commands.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
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

/// Wakes a thread that waits for stdin, which may be a terminal where nobody types.
class stop_signal {
 public:
  stop_signal() : fd_(::eventfd(0, EFD_CLOEXEC)) {}
  ~stop_signal() { ::close(fd_); }
  stop_signal(const stop_signal&) = delete;
  stop_signal& operator=(const stop_signal&) = delete;

  void raise() { (void)!::eventfd_write(fd_, 1); }
  /// False when raised; true when stdin can be read, or has ended.
  [[nodiscard]] bool wait_for_stdin() const {
    std::array<pollfd, 2> waits{pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{fd_, POLLIN, 0}};
    while (::poll(waits.data(), waits.size(), -1) < 0 && errno == EINTR) {
    }
    return waits[1].revents == 0;
  }

 private:
  int fd_;
};

/// The channel on one side, stdin, stdout and stderr on the other: a thread for each direction and one for error
/// frames.
class transfer {
 public:
  transfer(channel ch, bool frames, std::uint64_t max_frame)
      : ch_(std::move(ch)), frames_(frames), max_frame_(max_frame) {}

  /// Until the channel has ended. Gives the remote side's last word, if it had one.
  result<std::vector<std::string>> run() {
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

 private:
  void receive() {
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

  void receive_errors() {
    for (;;) {
      const auto frame = ch_.read_error();
      if (!frame) return;
      auto text = frame->str();
      if (frames_) text += '\n';
      write_all(STDERR_FILENO, text);
    }
  }

  void send() {
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

  result<void> send_lines(std::string_view data) {
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

  void end_sending() {
    if (!line_.empty())
      if (const auto sent = ch_.write_frame(line_); !sent) keep(send_failure_, sent.error());
    (void)ch_.close_write();
  }

  // The end of the stream or of the channel is no failure, whoever hears of it first.
  static void keep(std::optional<error>& where, const error& why) {
    if (why.code() != errc::end_of_stream && why.code() != errc::closed) where = why;
  }

  channel ch_;
  const bool frames_;
  const std::uint64_t max_frame_;
  stop_signal stop_;
  std::string line_;                   // of the sending thread
  std::optional<error> send_failure_;  // of the sending thread until it is joined
  std::optional<error> receive_failure_;
  bool stdout_open_ = true;
};

int status_of(const std::vector<std::string>& trailers) {
  meta said;
  said.trailers = trailers;
  return static_cast<int>(std::min<std::uint32_t>(said.status(), transport_failure - 1));
}

}  // namespace

int open(const open_arguments& given) {
  const auto settings = peer_options(given.peer, false);
  if (!settings) return fail(given.peer, settings.error(), usage);
  if (const auto where = endpoint::parse(given.endpoint); !where) return fail(given.peer, where.error(), usage);

  runtime rt{{.workers = 1}};
  auto self = rt.spawn_peer(*settings);
  if (const auto there = self.connect(given.endpoint); !there)
    return fail(given.peer, there.error(), transport_failure);
  auto ch = self.open(given.to, given.service, given.headers);
  if (!ch) return fail(given.peer, ch.error(), transport_failure);

  const auto last = transfer{std::move(*ch), given.frames, settings->max_frame}.run();
  if (!last) {
    // Nobody reads our output any more: as ssh, say nothing.
    return last.error().context().empty() ? transport_failure : fail(given.peer, last.error(), transport_failure);
  }
  if (given.trailers)
    for (const auto& item : *last) write_all(STDERR_FILENO, printable(item) + '\n');
  const int status = status_of(*last);
  const auto reason = find_value(*last, "reason");
  if (status != 0 && reason && !given.trailers)
    fail(given.peer, "the service ended with status " + std::to_string(status) + ": " + std::string{*reason}, status);
  return status;
}

}  // namespace duplex::tools
