// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/result.hpp>

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <memory>
#include <string>
#include <vector>

namespace duplex::tools {

/// *Worker-bound.* A command run by /bin/sh -c in a process group of its own, with pipes to its stdin, stdout and
/// stderr. The destructor ends the whole group.
class process {
 public:
  /// `variables`, each NAME=VALUE, go before those of this program. Errors: `io`.
  static result<std::unique_ptr<process>> spawn(const boost::asio::any_io_executor& on, const std::string& command,
                                                std::vector<std::string> variables);
  process(const process&) = delete;
  process& operator=(const process&) = delete;
  ~process();

  using descriptor = boost::asio::posix::stream_descriptor;
  descriptor in, out, err;
  /// Readable once the process has ended.
  descriptor ended;

  /// To the whole group.
  void signal(int number) noexcept;
  /// The exit code, or 128 and the signal that ended it. Only once `ended` is readable.
  [[nodiscard]] int status() const noexcept;

 private:
  process(const boost::asio::any_io_executor& on, pid_t id) : in(on), out(on), err(on), ended(on), id_(id) {}

  pid_t id_;
};

}  // namespace duplex::tools
