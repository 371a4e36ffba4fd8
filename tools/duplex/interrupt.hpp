// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "tools/duplex/stop_signal.hpp"

#include <csignal>
#include <functional>
#include <mutex>
#include <thread>

namespace duplex::tools {

/// SIGINT and SIGTERM as long as this lives: the first one does what was said last. The second one ends the program, as
/// does the first when nothing was said. Make it before any other thread, which would else take them.
class interrupt {
 public:
  interrupt();
  interrupt(const interrupt&) = delete;
  interrupt& operator=(const interrupt&) = delete;
  ~interrupt();

  /// On a thread of its own. What was said before is not running any more when this returns. Thread: any, but not from
  /// within that.
  void then(std::function<void()> what);

 private:
  void watch(const sigset_t& ends);

  std::mutex mutex_;  // guards `then_`, and is held while that runs
  std::function<void()> then_;
  stop_signal stop_;
  std::thread watching_;
};

}  // namespace duplex::tools
