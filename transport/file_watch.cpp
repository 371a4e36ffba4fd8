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
constexpr std::uint32_t to_itself = IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::uint32_t to_file = to_itself | IN_CLOSE_WRITE;
constexpr std::uint32_t to_folder =
    to_itself | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR;

constexpr int most_links = 40;                           // as many symbolic links as Linux follows, path_resolution(7)
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
  boost::system::error_code ignored;
  events_.close(ignored);
  events_.assign(fd);
  int links = most_links;
  const bool whole = watch_way(file_, links);
  const auto why = error{errc::io, std::string{"inotify: "} + std::strerror(errno)};
  read();
  return whole ? result<void>{} : result<void>{why};
}

// Each folder and link on the way for itself, the last folder that is there for what comes and goes in it. From the
// root on: what changes further down meanwhile is seen from above.
bool file_watch::watch_way(const std::filesystem::path& to, int& links) {
  const auto add = [fd = events_.native_handle()](const std::filesystem::path& what, std::uint32_t events) {
    return ::inotify_add_watch(fd, what.c_str(), events | IN_MASK_ADD) >= 0;
  };
  std::error_code ignored;
  std::filesystem::path step, folder;
  bool whole = true;
  for (const auto& part : to) {
    folder = std::exchange(step, step / part);
    if (const auto link = std::filesystem::read_symlink(step, ignored); !link.empty() && links-- > 0) {
      add(step, to_itself | IN_DONT_FOLLOW);
      whole &= watch_way(folder / link, links);
    }
    if (add(step, std::filesystem::is_directory(step, ignored) ? to_itself : to_file)) continue;
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) break;
    // A folder that may be passed through but not read is no reason not to watch what lies behind it.
    if (errno != EACCES || step == to) whole = false;
  }
  if (!std::filesystem::is_directory(to, ignored)) whole &= add(folder, to_folder);
  return whole;
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
    (void)start();  // the way may lead elsewhere now; without another descriptor this one is kept
    changed_();
  });
}

}  // namespace duplex::transport
