// SPDX-License-Identifier: BSD-2-Clause
#include "transport/known_hosts.hpp"

#include <duplex/key.hpp>
#include <duplex/percent.hpp>

#include "transport/key_lines.hpp"
#include "transport/ssh_ptr.hpp"
#include "transport/unique_fd.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>

namespace duplex {
namespace {

using transport::described;
using transport::key_lines;
using transport::ssh_key_ptr;
using transport::unique_fd;

ssh_key_ptr import(const std::string& type, const std::string& base64) {
  ssh_key raw = nullptr;
  if (ssh_pki_import_pubkey_base64(base64.c_str(), ssh_key_type_from_name(type.c_str()), &raw) != SSH_OK) return {};
  return ssh_key_ptr{raw};
}

// One word: a path may hold blanks.
std::string name_of(const endpoint& where) {
  std::string name;
  for (const char c : percent_encode(where.str()))
    if (c == ' ')
      name += "%20";
    else
      name += c;
  return name;
}

// What was not read may list another key of the host, and would be lost when the file is written anew.
error cut_off(const key_lines& hosts) {
  if (hosts.text.size() <= transport::max_key_lines) return {};
  return {errc::host_key, (hosts.is_file ? "known hosts file '" + hosts.name + '\'' : hosts.name) +
                              " is over the limit of " + std::to_string(transport::max_key_lines) +
                              " bytes; remove lines, or name another one"};
}

bool is_of(const std::string& line, const std::string& name) {
  std::istringstream words{line};
  std::string where;
  return words >> where && where == name;
}

// Malformed lines are none of anybody's: they neither admit a host nor count as another key of it.
std::vector<listed_host_key> keys_in(const key_lines& hosts, const endpoint& where) {
  std::vector<listed_host_key> found;
  const auto name = name_of(where);
  std::istringstream lines{hosts.text};
  std::string line;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    std::istringstream words{line};
    std::string whose, type, base64;
    if (!(words >> whose >> type >> base64) || whose != name) continue;
    if (const auto key = import(type, base64)) found.push_back({described(key.get()), hosts.name, number});
  }
  return found;
}

// An option holds a file's name, or lines: then the second word of the first one is the type of a key.
key_lines read_hosts(const std::string& option) {
  std::istringstream words{option};
  std::string where, type;
  if (words >> where >> type && transport::is_key_type(type)) return {"option known_hosts", option, false};
  return transport::read_key_lines(option, "known_hosts");
}

// For a command line that is to be pasted into a shell.
std::string shell_word(const std::string& text) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view{"./:_-@%+=,"}.find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return text;
  std::string quoted{'\''};
  for (const char c : text) quoted += c == '\'' ? std::string{"'\\''"} : std::string{c};
  return quoted + '\'';
}

std::string trust_command(const options& of, const endpoint& host, const std::string& fingerprint) {
  return "duplex trust --host-key " + fingerprint + ' ' +
         (of.known_hosts.empty() ? "" : "--known-hosts " + shell_word(of.known_hosts) + ' ') + shell_word(host.str());
}

error unwritable(const std::string& file, const std::string& why) {
  return {errc::host_key, "known hosts file '" + file + "' cannot be written: " + why};
}

result<unique_fd> open_to_write(const std::string& file) {
  const auto folder = std::filesystem::path{file}.parent_path();
  std::error_code wrong;
  if (!folder.empty() && std::filesystem::create_directories(folder, wrong))
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, wrong);
  unique_fd fd{::open(file.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600)};
  if (!fd) return unwritable(file, std::strerror(errno));
  struct stat about {};
  if (::fstat(fd.get(), &about) != 0 || !S_ISREG(about.st_mode)) return unwritable(file, "it is not a file");
  return fd;
}

// In one write, so that a line that another process adds at the same time stays whole.
result<void> append(int fd, const std::string& file, const std::string& line) {
  char last = '\n';
  const auto size = ::lseek(fd, 0, SEEK_END);
  if (size > 0 && ::pread(fd, &last, 1, size - 1) != 1) return unwritable(file, std::strerror(errno));
  const auto text = (last == '\n' ? "" : "\n") + line + '\n';
  const auto written = ::write(fd, text.data(), text.size());
  if (written < 0) return unwritable(file, std::strerror(errno));
  if (static_cast<std::size_t>(written) != text.size()) return unwritable(file, "it took a part of the line only");
  return {};
}

// The lock is on the file itself, which another process may have replaced while this one waited.
result<unique_fd> open_locked(const std::string& file) {
  for (;;) {
    auto opened = open_to_write(file);
    if (!opened) return opened;
    while (::flock(opened->get(), LOCK_EX) != 0)
      if (errno != EINTR) return unwritable(file, std::strerror(errno));
    struct stat here {
    }, there{};
    if (::fstat(opened->get(), &here) == 0 && ::stat(file.c_str(), &there) == 0 && here.st_ino == there.st_ino &&
        here.st_dev == there.st_dev)
      return opened;
  }
}

std::string with_line_replaced(const key_lines& hosts, const std::string& name, const std::string& line) {
  std::string text, next;
  bool placed = false;
  std::istringstream lines{hosts.text};
  while (std::getline(lines, next)) {
    if (!is_of(next, name))
      text += next + '\n';
    else if (!std::exchange(placed, true))
      text += line + '\n';
  }
  return text;
}

result<void> replace(const std::string& file, const std::string& text) {
  auto fresh = file + ".XXXXXX";
  unique_fd fd{::mkostemp(fresh.data(), O_CLOEXEC)};  // mode 0600
  if (!fd) return unwritable(file, std::strerror(errno));
  const bool whole =
      ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd.get()) == 0;
  if (whole && ::rename(fresh.c_str(), file.c_str()) == 0) return {};
  const auto why = unwritable(file, std::strerror(errno));
  ::unlink(fresh.c_str());
  return why;
}

}  // namespace

std::vector<listed_host_key> known_host_keys(const std::string& file, const endpoint& where) {
  return keys_in(transport::read_key_lines(file, "known_hosts"), where);
}

result<trusted_host> trust_host(const std::string& file, const endpoint& where, const host_key& shown) {
  std::istringstream words{shown.line};
  std::string type, base64;
  words >> type >> base64;
  const auto key = import(type, base64);
  if (!key) return {errc::invalid_argument, "'" + percent_encode(shown.line) + "' is no public key"};
  const auto wanted = described(key.get());
  const auto line = name_of(where) + ' ' + wanted.line;

  std::error_code wrong;
  const std::filesystem::path named = file.empty() ? configuration_folder() + "/known_hosts" : file;
  const auto real = std::filesystem::weakly_canonical(named, wrong);  // a link must not be replaced by a file
  const auto path = wrong ? named.string() : real.string();
  const auto held = open_locked(path);
  if (!held) return held.error();
  const auto hosts = transport::read_key_lines(path, {});
  if (auto cut = cut_off(hosts)) return cut;
  const auto listed = keys_in(hosts, where);
  if (std::any_of(listed.begin(), listed.end(), [&](const auto& l) { return l.key.line == wanted.line; }))
    return trusted_host{trusted_host::change::none, path};
  const bool added = listed.empty();
  if (auto written =
          added ? append(held->get(), path, line) : replace(path, with_line_replaced(hosts, name_of(where), line));
      !written)
    return written.error();
  return trusted_host{added ? trusted_host::change::added : trusted_host::change::replaced, path};
}

namespace transport {

host_key described(ssh_key key) { return {public_line_of(key), fingerprint_of(key)}; }

error check_pinned_key(const options& of, const std::string& host, const std::string& fingerprint) {
  if (of.host_key.empty() || of.host_key == fingerprint) return {};
  return {errc::host_key, host + " shows " + fingerprint + ", but " + of.host_key + " is expected (option host_key)"};
}

result<std::string> check_host_key(const options& of, const endpoint& host, const host_key& shown) {
  if (auto wrong = check_pinned_key(of, host.str(), shown.fingerprint)) return wrong;
  if (!of.host_key.empty()) return std::string{};
  // Whoever runs the command trusts it, and nobody else is at the other end.
  if (host.type() == endpoint::kind::exec) return std::string{};
  if (host.type() == endpoint::kind::fd)  // a number says nothing of who is there
    return {errc::host_key,
            host.str() + " shows " + shown.fingerprint + ", which is not expected; expect it with option host_key"};
  const auto hosts = read_hosts(of.known_hosts);
  if (auto cut = cut_off(hosts)) return cut;
  const auto line = name_of(host) + ' ' + shown.line;
  std::string others;
  for (const auto& listed : keys_in(hosts, host)) {
    if (listed.key.line == shown.line) return std::string{};
    others += (others.empty() ? "" : " and ") + listed.file + ':' + std::to_string(listed.line) + " lists " +
              listed.key.fingerprint;
  }
  const auto command = trust_command(of, host, shown.fingerprint);
  if (!others.empty())
    return {errc::host_key,
            host.str() + " shows " + shown.fingerprint + ", but " + others +
                "; somebody may be in between, or the host has a new key: check it with its owner, then " +
                (hosts.is_file ? "this replaces the line: " + command : "replace the line by '" + line + "'")};
  if (of.host_key_policy == "accept_new") {
    if (!hosts.is_file)
      return {errc::host_key, host.str() + " shows the unknown key " + shown.fingerprint +
                                  "; host_key_policy accept_new needs known_hosts to be a file, not lines"};
    auto file = open_to_write(hosts.name);
    if (!file) return file.error();
    if (auto added = append(file->get(), hosts.name, line); !added) return added.error();
    return hosts.name;
  }
  return {errc::host_key, host.str() + " shows the unknown key " + shown.fingerprint +
                              "; check it with its owner, then" +
                              (hosts.is_file ? ": " + command : " add to option known_hosts the line '" + line + "'")};
}

}  // namespace transport
}  // namespace duplex
