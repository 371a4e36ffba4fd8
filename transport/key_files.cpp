// SPDX-License-Identifier: BSD-2-Clause
#include "transport/key_files.hpp"

#include <duplex/key.hpp>

#include "transport/unique_fd.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

namespace duplex {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// Where the system says that the user is at home, if the environment does not.
std::string home_folder() {
  if (auto home = environment("HOME"); !home.empty()) return home;
  std::array<char, 16384> text{};
  passwd entry{}, *found = nullptr;
  return ::getpwuid_r(::getuid(), &entry, text.data(), text.size(), &found) == 0 && found != nullptr ? found->pw_dir
                                                                                                     : "";
}

}  // namespace

namespace transport {

error unusable(const std::string& path, const std::string& why) {
  return {errc::key_file, "key file '" + path + "' " + why};
}

result<std::string> read_key_file(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0)
    return unusable(
        path, std::string{"cannot be read: "} + std::strerror(errno) + "; make one with: duplex keygen -f " + path);
  if (!S_ISREG(about.st_mode)) return unusable(path, "is not a file");
  std::ifstream file{path, std::ios::binary};
  if (!file) return unusable(path, std::string{"cannot be read: "} + std::strerror(errno));
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  const bool is_private = text.find("PRIVATE KEY") != std::string::npos;
  if (!is_private && (text.starts_with("ssh-") || text.starts_with("ecdsa-")))
    return unusable(path,
                    "is not a private key but a public one; the private one is in the file without .pub, or with an "
                    "ssh-agent (option "
                    "identity_agent)");
  if ((about.st_mode & 077) == 0 || !is_private) return text;
  ::explicit_bzero(text.data(), text.size());
  static constexpr std::string_view octal = "01234567";
  std::string mode{"0"};
  for (unsigned shift : {6U, 3U, 0U}) mode += octal[(about.st_mode >> shift) & 7];
  return unusable(path, "is open to others (mode " + mode + "); close it with: chmod 600 " + path);
}

result<void> write_key_file(const std::string& path, const std::string& text, mode_t mode) {
  auto fresh = path + ".XXXXXX";
  const transport::unique_fd file{::mkostemp(fresh.data(), O_CLOEXEC)};
  if (!file) return unusable(path, std::string{"cannot be written: "} + std::strerror(errno));
  const bool whole = ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                     ::fchmod(file.get(), mode) == 0 && ::fsync(file.get()) == 0;
  const bool named = whole && (::link(fresh.c_str(), path.c_str()) == 0 ||
                               (errno == EPERM &&  // a file system without links
                                ::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0));
  const int why = errno;
  ::unlink(fresh.c_str());
  if (named) return {};
  if (!whole) return unusable(path, "could not be written whole");
  if (why == EEXIST) return {errc::already_exists, "key file '" + path + "' exists; remove it or name another"};
  return unusable(path, std::string{"cannot be written: "} + std::strerror(why));
}

}  // namespace transport

std::string configuration_folder() {
  if (auto home = environment("DUPLEX_HOME"); !home.empty()) return home;
  if (auto config = environment("XDG_CONFIG_HOME"); !config.empty()) return config + "/duplex";
  return home_folder() + "/.config/duplex";
}

}  // namespace duplex
