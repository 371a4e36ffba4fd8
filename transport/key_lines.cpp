// SPDX-License-Identifier: BSD-2-Clause
#include "transport/key_lines.hpp"

#include <duplex/key.hpp>

#include "transport/ssh_ptr.hpp"
#include "transport/unique_fd.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <sstream>

namespace duplex::transport {
namespace {

constexpr std::size_t least_read = 4096;
constexpr auto for_writer = std::chrono::seconds{1};  // in all, for who fills a FIFO, as a shell's <(...) is one

bool is_readable(int fd, std::chrono::steady_clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
  pollfd waits{fd, POLLIN, 0};
  return left > 0 && ::poll(&waits, 1, static_cast<int>(left)) > 0;
}

// Options may stand before the key, so it is looked for in the whole text; every blob of a key begins with AAAA.
bool holds_lines(const std::string& option) {
  if (option.find('\n') != std::string::npos) return true;
  if (option.find_first_of(" \t") == std::string::npos) return false;
  std::istringstream words{option};
  std::string word, next;
  for (bool first = true; words >> word; first = false)
    if (is_key_type(word) && words >> next && (first || next.starts_with("AAAA"))) return true;
  return false;
}

}  // namespace

key_lines read_key_lines(const std::string& option, const std::string& standard) {
  if (holds_lines(option)) return {.name = "option " + standard, .text = option, .is_file = false};
  const auto path = option.empty() ? configuration_folder() + '/' + standard : option;
  const unique_fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};  // it may be a FIFO
  const auto until = std::chrono::steady_clock::now() + for_writer;
  std::string text;
  // Its size decides how much is read at once, not how much in all: it may grow meanwhile, or be no plain file.
  struct stat about {};
  ssize_t n = file ? ::fstat(file.get(), &about) : -1;
  const auto chunk = std::clamp(static_cast<std::size_t>(about.st_size) + 1, least_read, max_key_lines);
  while (n >= 0 && text.size() <= max_key_lines) {
    const auto filled = text.size();
    text.resize(filled + chunk);
    n = ::read(file.get(), text.data() + filled, chunk);
    text.resize(filled + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n == 0) break;
    if (n < 0 && errno == EAGAIN && is_readable(file.get(), until)) n = 0;
  }
  if (n < 0) {
    const bool for_now = errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EIO || errno == EINTR;
    return {.name = path, .text = {}, .unknown = for_now, .readable = false};
  }
  text.resize(std::min(text.size(), max_key_lines + 1));
  return {.name = path, .text = std::move(text)};
}

bool is_key_type(std::string_view word) {
  return ssh_key_type_from_name(std::string{word}.c_str()) != SSH_KEYTYPE_UNKNOWN;
}

bool is_same_key(const std::string& type, const std::string& base64, ssh_key key) {
  ssh_key raw = nullptr;
  if (ssh_pki_import_pubkey_base64(base64.c_str(), ssh_key_type_from_name(type.c_str()), &raw) != SSH_OK) return false;
  const ssh_key_ptr listed{raw};
  return ssh_key_cmp(listed.get(), key, SSH_KEY_CMP_PUBLIC) == 0;
}

}  // namespace duplex::transport
