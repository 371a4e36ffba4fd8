// SPDX-License-Identifier: BSD-2-Clause
#include "tests/tools/console_page.hpp"

#include <algorithm>
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
      {std::regex{"pid=[0-9]+"}, "pid=..."},
      {std::regex{"duplex [0-9]+\\.[0-9]+\\.[0-9]+"}, "duplex ..."},
  };
  if (line.ends_with('\r')) line.pop_back();
  for (const auto& [what, name] : varying) line = std::regex_replace(line, what, name);
  return line;
}

bool matches(const std::vector<std::string>& shown, const std::vector<std::string>& got) {
  const auto any = std::find(shown.begin(), shown.end(), "...");
  const auto before = any - shown.begin();
  if (any == shown.end()) return shown == got;
  if (std::distance(got.begin(), got.end()) < before || !std::equal(shown.begin(), any, got.begin())) return false;
  const std::vector<std::string> rest{any + 1, shown.end()};
  for (auto from = got.begin() + before;; ++from) {
    if (matches(rest, {from, got.end()})) return true;
    if (from == got.end()) return false;
  }
}

}  // namespace tools_tests
