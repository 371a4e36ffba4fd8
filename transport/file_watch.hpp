// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/result.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace duplex::transport {

/// *Worker-bound.* Calls back when a file may have changed: written, replaced, moved, removed, made; through symbolic
/// links as well, and when they or the folders on the way come, go, or are replaced. Waits until a writer has been
/// quiet for a moment, so that a file that is being replaced is not taken for a missing one.
class file_watch {
 public:
  /// `changed` runs on the io_context's thread, outside any lock.
  file_watch(boost::asio::io_context& on, std::filesystem::path file, std::function<void()> changed);
  file_watch(const file_watch&) = delete;
  file_watch& operator=(const file_watch&) = delete;
  ~file_watch();

  /// Errors: `io`, when the system gives no inotify descriptor: nothing is called then.
  result<void> start();

 private:
  bool watch_way(const std::filesystem::path& to, int& links);
  void read();
  void settle();

  struct life {};  // handlers that find it gone do nothing
  std::filesystem::path file_;
  std::function<void()> changed_;
  boost::asio::posix::stream_descriptor events_;
  boost::asio::steady_timer quiet_;
  std::chrono::steady_clock::time_point first_event_{};
  bool settling_ = false;
  std::shared_ptr<life> alive_ = std::make_shared<life>();
};

}  // namespace duplex::transport
