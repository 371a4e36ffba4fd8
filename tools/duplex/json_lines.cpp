// SPDX-License-Identifier: BSD-2-Clause
#include "tools/duplex/json_lines.hpp"

#include "tools/duplex/common.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace duplex::tools {
namespace {

constexpr std::size_t chunk_size = 1U << 16;

/// What stdin brings, cut into lines.
class line_objects {
 public:
  explicit line_objects(rpc::sink<json_value> to) : to_(std::move(to)) {}

  void take(std::string_view data) {
    for (auto end = data.find('\n'); end != std::string_view::npos; end = data.find('\n')) {
      line_.append(data.substr(0, end));
      put();
      data.remove_prefix(end + 1);
    }
    line_.append(data);
    if (constexpr auto most = rpc::codec_limits{}.bytes; line_.size() > most) {
      ++count_;
      throw rpc::codec_error{"more than " + std::to_string(most) + " bytes"};
    }
  }
  void finish() {
    put();
    to_.close();
  }
  void fail(rpc::code code, const std::string& why) { to_.close({code, "stdin" + why}); }
  [[nodiscard]] std::string where() const { return ", line " + std::to_string(count_); }

 private:
  void put() {
    ++count_;
    if (line_.find_first_not_of(" \t\r") != std::string::npos) to_.put({rpc::word_as_json(line_)});
    line_.clear();
  }
  rpc::sink<json_value> to_;
  std::string line_;
  std::size_t count_ = 0;
};

}  // namespace

bool json_output::put(const json_value& value) {
  std::lock_guard lock{mutex_};
  return open_ = open_ && write_all(STDOUT_FILENO, value.text + '\n');
}

bool json_output::is_open() {
  std::lock_guard lock{mutex_};
  return open_;
}

json_input::json_input() : json_input(rpc::pipe<json_value>()) {}

json_input::json_input(std::pair<rpc::sink<json_value>, rpc::stream<json_value>> ends)
    : objects_(std::move(ends.second)), reading_([this, to = ends.first] { read(to); }) {}

json_input::~json_input() {
  stop_.raise();
  reading_.join();
}

void json_input::read(rpc::sink<json_value> to) {
  line_objects lines{std::move(to)};
  std::vector<char> chunk(chunk_size);
  try {
    while (stop_.wait_for_stdin()) {
      const auto n = ::read(STDIN_FILENO, chunk.data(), chunk.size());
      if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (n < 0) return lines.fail(rpc::code::unavailable, std::string{": "} + std::strerror(errno));
      if (n == 0) return lines.finish();
      lines.take({chunk.data(), static_cast<std::size_t>(n)});
    }
  } catch (const rpc::codec_error& wrong) {
    lines.fail(rpc::code::invalid_argument, lines.where() + ": " + wrong.what());
  } catch (const rpc::failure&) {  // nobody reads any more
  }
}

class printed_calls::printer final : public rpc::detail::servable {
 public:
  explicit printer(rpc::sink<call> to) : to_(std::move(to)) {}
  void serve(const call& one) override {
    try {
      auto queued = one;
      if (!to_.try_write(queued))
        throw rpc::failure{rpc::code::resource_exhausted, "64 calls of this function are not printed yet"};
    } catch (...) {
      fail(*one, std::current_exception());
    }
  }
  void close() { to_.close(); }

 private:
  rpc::sink<call> to_;
};

printed_calls::printed_calls() : printed_calls(rpc::pipe<call>()) {}

printed_calls::printed_calls(std::pair<rpc::sink<call>, rpc::stream<call>> ends)
    : calls_(std::move(ends.first)), to_print_(std::move(ends.second)) {}

printed_calls::~printed_calls() {
  close();
  finish();
}

rpc::detail::servable_ptr printed_calls::function() {
  auto made = std::make_shared<printer>(*calls_);
  lent_.push_back(made);
  return made;
}

void printed_calls::start(json_output& to, std::function<void()> closed) {
  printing_ = std::thread{[this, &to, closed = std::move(closed)] { print(to, closed); }};
}

void printed_calls::close() {
  for (const auto& one : lent_)
    if (const auto there = one.lock()) there->close();
}

void printed_calls::finish() {
  calls_.reset();  // those that are lent hold the other ends of the pipe
  if (printing_.joinable()) printing_.join();
}

void printed_calls::print(json_output& to, const std::function<void()>& closed) {
  while (const auto call = to_print_.get()) {
    try {
      json_value arguments;
      rpc::detail::arguments(**call, rpc::ops_of<json_value>(), &arguments);
      if (!to.put(arguments)) {
        close();
        closed();
      }
      const std::monostate nothing;
      reply(**call, rpc::ops_of<std::monostate>(), &nothing);
    } catch (...) {
      fail(**call, std::current_exception());
    }
  }
}

}  // namespace duplex::tools
