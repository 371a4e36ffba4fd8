// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/authorized_keys.hpp>
#include <duplex/key.hpp>

#include "transport/authorized_line.hpp"
#include "transport/key_lines.hpp"
#include "transport/unique_fd.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace duplex {
namespace {

using transport::authorized_line;
using transport::unique_fd;

struct listed_key {
  std::string text;  // the line
  authorized_line parts;
  std::string where;
};

error failed(const std::string& path, const char* what) {
  return {errc::io, "'" + path + "' " + what + ": " + std::strerror(errno)};
}

error refuse(const std::string& why) { return {errc::invalid_argument, why}; }

std::string_view take_line(std::string_view& text) {
  const auto line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

// A line as it would be written, read again as a peer would read it.
result<listed_key> compose(std::string_view line, std::string_view options) {
  const auto alone = authorized_line::parse(line);
  if (!alone) return alone.error();
  if (const auto own = transport::key_options::parse(alone->options); !options.empty() && own)
    if (!own->opens.empty() || !own->listens.empty() || !own->names.empty())
      return refuse("the line has limits of its own, which would add to yours; take them out of it, or give none");
  std::string text{options};
  if (!options.empty()) text += alone->options.empty() ? ' ' : ',';
  text += transport::trimmed(line);
  auto parts = authorized_line::parse(text);
  if (!parts) return parts.error();
  if (parts->key != alone->key) return refuse("the options hold a key of their own");
  for (const char c : text)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f)
      return refuse("a line break or another control character is in the line");
  if (auto fine = transport::key_options::parse(parts->options); !fine) return fine.error();
  return listed_key{std::move(text), std::move(*parts), {}};
}

result<std::vector<listed_key>> compose_all(std::string_view text, std::string_view options) {
  std::vector<listed_key> made;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto line = take_line(text);
    if (transport::is_blank(line)) continue;
    auto one = compose(line, options);
    if (!one) return refuse("line " + std::to_string(number) + ": " + one.error().context());
    made.push_back(std::move(*one));
  }
  if (made.empty()) return refuse("no key is in it: lines '[options] keytype base64 [comment]' are expected");
  return made;
}

result<void> make_folder(const std::filesystem::path& folder) {
  std::error_code wrong;
  if (folder.empty() || std::filesystem::exists(folder, wrong)) return {};
  std::filesystem::create_directories(folder.parent_path(), wrong);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return failed(folder, "cannot be made");
  return {};
}

// Open for appending, locked against others who append, and closed to those who might.
result<unique_fd> open_list(const std::string& path) {
  if (auto made = make_folder(std::filesystem::path{path}.parent_path()); !made) return made.error();
  unique_fd file{::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600)};
  if (file.get() < 0) return failed(path, "cannot be opened");
  struct stat about {};
  if (::fstat(file.get(), &about) != 0) return failed(path, "cannot be read");
  if (!S_ISREG(about.st_mode)) return {errc::io, "'" + path + "' is not a file"};
  int locked = 0;
  do locked = ::flock(file.get(), LOCK_EX);
  while (locked != 0 && errno == EINTR);
  if (locked != 0) return failed(path, "cannot be locked");
  if ((about.st_mode & 022) != 0 && ::fchmod(file.get(), 0600) != 0)
    return failed(path, "is open to others and cannot be closed to them");
  return file;
}

result<std::string> read_all(int file, const std::string& path) {
  std::string text;
  std::array<char, 16384> chunk;
  for (;;) {
    const auto n = ::pread(file, chunk.data(), chunk.size(), static_cast<off_t>(text.size()));
    if (n == 0) return text;
    if (n < 0) return failed(path, "cannot be read");
    text.append(chunk.data(), static_cast<std::size_t>(n));
    if (text.size() > transport::max_key_lines)
      return {errc::resource_exhausted, "'" + path + "' is too long to be read as an access list"};
  }
}

std::vector<listed_key> parse_all(const std::string& path, std::string_view text) {
  std::vector<listed_key> keys;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto line = take_line(text);
    if (transport::is_blank(line)) continue;
    if (auto parts = authorized_line::parse(line))
      keys.push_back({std::string{transport::trimmed(line)}, std::move(*parts), path + ':' + std::to_string(number)});
  }
  return keys;
}

// The line that says the same, or none. Errors: `already_exists`.
result<const listed_key*> find(const std::vector<listed_key>& keys, const authorized_line& wanted) {
  const listed_key* other = nullptr;
  for (const auto& one : keys) {
    if (one.parts.key != wanted.key) continue;
    if (one.parts.options == wanted.options) return &one;
    if (other == nullptr) other = &one;
  }
  if (other == nullptr) return other;
  return {errc::already_exists, other->where + " holds that key with other options; edit that line"};
}

// A reader may see a part of it: options stand first, so the beginning of a line never admits more than the whole.
result<void> append(int file, const std::string& path, const std::string& text, std::size_t size) {
  if (text.empty()) return {};
  const auto written = ::write(file, text.data(), text.size());
  if (written == static_cast<ssize_t>(text.size()) && ::fsync(file) == 0) return {};
  auto why = failed(path, "could not be written whole");
  if (::ftruncate(file, static_cast<off_t>(size)) != 0) why = failed(path, "could not be written whole, nor mended");
  return why;
}

}  // namespace

result<std::vector<allowed_key>> allow_keys(const std::string& file, std::string_view text, std::string_view options) {
  const auto path = file.empty() ? configuration_folder() + "/authorized_keys" : file;
  const auto wanted = compose_all(text, options);
  if (!wanted) return wanted.error();
  const auto list = open_list(path);
  if (!list) return list.error();
  const auto old = read_all(list->get(), path);
  if (!old) return old.error();

  auto keys = parse_all(path, *old);
  std::string added = old->empty() || old->ends_with('\n') ? "" : "\n";
  const auto breaks = std::count(old->begin(), old->end(), '\n') + std::count(added.begin(), added.end(), '\n');
  auto next = static_cast<std::size_t>(breaks) + 1;
  std::vector<allowed_key> done;
  for (const auto& one : *wanted) {
    const auto found = find(keys, one.parts);
    if (!found) return found.error();
    if (*found != nullptr) {
      done.push_back({(*found)->text, (*found)->where, false});
      continue;
    }
    keys.push_back(one);
    keys.back().where = path + ':' + std::to_string(next++);
    added += one.text + '\n';
    done.push_back({one.text, keys.back().where, true});
  }
  if (std::none_of(done.begin(), done.end(), [](const allowed_key& k) { return k.added; })) return done;
  if (old->size() + added.size() > transport::max_key_lines)
    return {errc::resource_exhausted, "'" + path + "' would be too long to be read as an access list"};
  if (auto written = append(list->get(), path, added, old->size()); !written) return written.error();
  return done;
}

result<allowed_key> allow_key(const std::string& file, std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (auto one = compose(line, {}); !one) return one.error();
  auto done = allow_keys(file, line);
  if (!done) return done.error();
  return done->front();
}

}  // namespace duplex
