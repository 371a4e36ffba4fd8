// SPDX-License-Identifier: BSD-2-Clause
#include "transport/file_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace duplex::transport {
namespace {

// IN_MODIFY is left out: a file that is being written is not looked at before its writer closes it.
constexpr std::uint32_t to_folder = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB |
                                    IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::uint32_t to_file = IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

constexpr auto moment = std::chrono::milliseconds{100};  // an editor's rename, write and rename take a few of them
constexpr auto longest = std::chrono::seconds{1};        // after that a restless folder is looked at all the same

}  // namespace

file_watch::file_watch(boost::asio::io_context& on, std::filesystem::path file, std::function<void()> changed)
    : file_(std::move(file)), changed_(std::move(changed)), events_(on), quiet_(on) {
  std::error_code ignored;
  if (auto whole = std::filesystem::absolute(file_, ignored); !whole.empty()) file_ = std::move(whole);
}

file_watch::~file_watch() {
  boost::system::error_code ignored;
  events_.close(ignored);
  quiet_.cancel();
}

result<void> file_watch::start() {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return {errc::io, std::string{"inotify: "} + std::strerror(errno)};
  events_.assign(fd);
  arm();
  read();
  return {};
}

// The file, if it is there, and the last folder on the way to it that is. Adding a watch again changes nothing.
void file_watch::arm() {
  const int fd = events_.native_handle();
  (void)::inotify_add_watch(fd, file_.c_str(), to_file);
  for (auto folder = file_.parent_path();; folder = folder.parent_path())
    if (::inotify_add_watch(fd, folder.c_str(), to_folder) >= 0 || folder == folder.parent_path()) return;
}

void file_watch::read() {
  events_.async_wait(events_.wait_read, [this, weak = std::weak_ptr{alive_}](const boost::system::error_code& failed) {
    if (failed || weak.expired()) return;
    alignas(inotify_event) std::array<char, 4096> buffer;
    while (::read(events_.native_handle(), buffer.data(), buffer.size()) > 0) {
    }
    settle();
    read();
  });
}

void file_watch::settle() {
  const auto now = std::chrono::steady_clock::now();
  if (!std::exchange(settling_, true)) first_event_ = now;
  quiet_.expires_at(std::min(now + moment, first_event_ + longest));
  quiet_.async_wait([this, weak = std::weak_ptr{alive_}](const boost::system::error_code& again) {
    if (again || weak.expired()) return;
    settling_ = false;
    arm();
    changed_();
  });
}

}  // namespace duplex::transport
