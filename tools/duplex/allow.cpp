// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/authorized_keys.hpp>

#include "tools/duplex/commands.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace duplex::tools {
namespace {

constexpr std::size_t max_input = 4U << 20;  // no list is longer

result<std::string> read_all(const std::string& file) {
  const bool is_stdin = file == "-";
  const int from = is_stdin ? STDIN_FILENO : ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  std::string text;
  std::array<char, 16384> chunk;
  auto n = from < 0 ? ssize_t{-1} : ::read(from, chunk.data(), chunk.size());
  for (; n > 0 && text.size() <= max_input; n = ::read(from, chunk.data(), chunk.size()))
    text.append(chunk.data(), static_cast<std::size_t>(n));
  const int why = errno;
  if (from >= 0 && !is_stdin) ::close(from);
  if (n < 0) return {errc::io, "'" + file + "' cannot be read: " + std::strerror(why)};
  if (text.size() > max_input) return {errc::invalid_argument, "'" + file + "' is too long to be keys"};
  return text;
}

// name="value", after a comma where something stands before. An empty value stays one: it is refused, not left out.
void add(std::string& options, std::string_view name, std::string_view value) {
  if (!options.empty()) options += ',';
  options.append(name).append("=\"");
  for (const char c : value) {
    if (c == '"') options += '\\';
    options += c;
  }
  options += '"';
}

std::string with_port(const std::string& name) { return name.find(':') == std::string::npos ? name + ":*" : name; }

std::string options_of(const allow_arguments& given) {
  std::string options = given.restricted ? "restrict" : "";
  for (const auto& list : given.from) add(options, "from", list);
  for (const auto& time : given.expiry_time) add(options, "expiry-time", time);
  for (const auto& name : given.names) add(options, "environment", "DUPLEX_PEER=" + name);
  for (const auto& name : given.open) add(options, "permitopen", with_port(name));
  for (const auto& name : given.listen) add(options, "permitlisten", with_port(name));
  return options;
}

}  // namespace

int allow(const allow_arguments& given) {
  const auto keys = read_all(given.key);
  if (!keys) return fail({}, keys.error(), failure);
  const auto done = allow_keys(given.file, *keys, options_of(given));
  if (!done) return fail({}, done.error(), failure);
  for (const auto& one : *done) {
    if (!one.added) write_all(STDERR_FILENO, "duplex: already allowed by " + one.where + '\n');
    if (!write_all(STDOUT_FILENO, one.line + '\n')) return failure;
  }
  return 0;
}

}  // namespace duplex::tools
