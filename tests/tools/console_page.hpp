// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tools_tests {

/// What stands in a page's ```console blocks: a command after "$ ", with the lines that "\" or a here-document add to
/// it, and below it what a terminal shows then.
struct step {
  std::size_t line;
  std::string command;
  std::vector<std::string> shown;
};

/// *Value.* A page of documentation whose commands can be run.
struct console_page {
  std::vector<step> steps;
  std::string ssh_config;  ///< its ```sshconfig blocks

  static console_page parse(const std::string& text);
};

/// What differs each time (fingerprints, keys, versions, times) under a name that is always the same.
std::string without_the_varying(std::string line);

using lines = std::span<const std::string>;

/// Whether a terminal may show that: what came on stdout and on stderr, each in its order, whatever came first. A shown
/// line "..." stands for any number of lines.
bool matches(lines shown, lines out, lines err);

/// Types the page's commands into one shell, one after the other, and compares. Gives what is wrong with the first
/// command that differs, with both texts, or nothing. All that the page started is dead then.
std::string run_page(const std::string& text);

}  // namespace tools_tests
