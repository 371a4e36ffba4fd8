// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "tests/tools/site.hpp"

namespace tools_tests {

/// `duplex serve --demo`, and how it is called.
class demo_site : public site {
 public:
  explicit demo_site(words more = {}) {
    more.emplace_back("--demo");
    serve({}, std::move(more));
  }

  /// "duplex call ENDPOINT" and the arguments.
  [[nodiscard]] words calling(words arguments) const {
    arguments.insert(arguments.begin(), endpoint());
    return dial("call", std::move(arguments));
  }
  outcome call(words arguments, std::string_view input = {}) const { return command("call", arguments, input); }
  outcome ls(words arguments = {}) const { return command("ls", std::move(arguments)); }
  outcome health(words arguments = {}) const { return command("health", std::move(arguments)); }

 private:
  [[nodiscard]] outcome command(const std::string& name, words arguments, std::string_view input = {}) const {
    arguments.insert(arguments.begin(), endpoint());
    return run(dial(name, std::move(arguments)), input, variables());
  }
};

}  // namespace tools_tests
