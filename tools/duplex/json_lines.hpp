// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "tools/duplex/json_value.hpp"
#include "tools/duplex/stop_signal.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace duplex::tools {

/// stdout, a value a line. Thread: any.
class json_output {
 public:
  /// False when nobody reads any more.
  bool put(const json_value& value);
  [[nodiscard]] bool is_open();

 private:
  std::mutex mutex_;  // a line is written whole, whoever writes
  bool open_ = true;
};

/// stdin as objects: a line is JSON, or a string. A thread reads it, until its end or the destructor.
class json_input {
 public:
  json_input();
  json_input(const json_input&) = delete;
  json_input& operator=(const json_input&) = delete;
  ~json_input();

  /// Once. The stream ends with a `failure` where a line is malformed.
  rpc::detail::source_ptr take() { return std::move(objects_).release(); }

 private:
  explicit json_input(std::pair<rpc::sink<json_value>, rpc::stream<json_value>> ends);
  void read(rpc::sink<json_value> to);

  rpc::stream<json_value> objects_;
  stop_signal stop_;
  std::thread reading_;
};

/// Functions that the other side may call: each call prints its arguments, as an array. A thread prints them, so that a
/// slow reader stops no worker. Thread: one at a time, `close` from any.
class printed_calls {
 public:
  printed_calls();
  printed_calls(const printed_calls&) = delete;
  printed_calls& operator=(const printed_calls&) = delete;
  ~printed_calls();

  [[nodiscard]] rpc::detail::servable_ptr function();
  /// From now on. `closed` is called when nobody reads the output any more. After the last `function`.
  void start(json_output& to, std::function<void()> closed);
  /// From now on calls are refused.
  void close();
  /// Waits until the other side has given all functions back, or `close`; what has come is printed then.
  void finish();

 private:
  using call = rpc::detail::served_ptr;
  class printer;
  explicit printed_calls(std::pair<rpc::sink<call>, rpc::stream<call>> ends);
  void print(json_output& to, const std::function<void()>& closed);

  std::optional<rpc::sink<call>> calls_;
  rpc::stream<call> to_print_;
  std::vector<std::weak_ptr<printer>> lent_;  // complete before `start`
  std::thread printing_;
};

}  // namespace duplex::tools
