// SPDX-License-Identifier: BSD-2-Clause
#include "tests/tools/console_page.hpp"

#include <regex>
#include <sstream>

namespace tools_tests {
namespace {

bool goes_on(const std::string& command) {
  static const std::regex here_document{"<<'?([A-Z]+)'?"};
  std::smatch found;
  const auto first = command.substr(0, command.find('\n'));
  if (std::regex_search(first, found, here_document)) return !command.ends_with("\n" + found.str(1));
  return command.ends_with('\\');
}

}  // namespace

console_page console_page::parse(const std::string& text) {
  console_page page;
  std::istringstream lines{text};
  std::string block, line;
  bool inside = false;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    if (line.starts_with("```")) {
      inside = !inside;
      block = inside ? line.substr(3) : "";
    } else if (block == "sshconfig") {
      page.ssh_config += line + '\n';
    } else if (block == "console" && line.starts_with("$ ")) {
      page.steps.push_back({number, line.substr(2), {}});
    } else if (block == "console" && !page.steps.empty()) {
      auto& now = page.steps.back();
      if (goes_on(now.command))
        now.command += '\n' + line;
      else
        now.shown.push_back(line);
    }
  }
  return page;
}

std::string without_the_varying(std::string line) {
  static const std::pair<std::regex, const char*> varying[] = {
      {std::regex{"SHA256:[A-Za-z0-9+/]{43}"}, "SHA256:..."},
      {std::regex{"AAAA[A-Za-z0-9+/]{20,}={0,2}"}, "AAAA..."},
      {std::regex{"round trip [0-9]+\\.[0-9]{3} ms"}, "round trip ... ms"},
      {std::regex{"session: tcp://127.0.0.1:[0-9]+"}, "session: tcp://127.0.0.1:..."},
      {std::regex{"pid=[0-9]+"}, "pid=..."},
      {std::regex{"slow: [0-9]+ of 200, missed [0-9]+"}, "slow: ... of 200, missed ..."},
      {std::regex{"duplex [0-9]+\\.[0-9]+\\.[0-9]+"}, "duplex ..."},
  };
  line.erase(line.find_last_not_of(" \r") + 1);  // which nobody sees
  for (const auto& [what, name] : varying) line = std::regex_replace(line, what, name);
  return line;
}

bool matches(lines shown, lines out, lines err) {
  if (shown.empty()) return out.empty() && err.empty();
  const bool any = shown.front() == "...";
  if (any && matches(shown.subspan(1), out, err)) return true;
  const auto rest = any ? shown : shown.subspan(1);
  const auto is_next = [&](lines in) { return !in.empty() && (any || in.front() == shown.front()); };
  return (is_next(out) && matches(rest, out.subspan(1), err)) || (is_next(err) && matches(rest, out, err.subspan(1)));
}

}  // namespace tools_tests
