// SPDX-License-Identifier: BSD-2-Clause
// The pages show what their commands print.
#include "tests/tools/console_page.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

using namespace tools_tests;
using Catch::Contains;

namespace {

std::string page(const std::string& name) {
  std::ifstream file{DUPLEX_SOURCE_DIR "/" + name};
  return std::string{std::istreambuf_iterator<char>{file}, {}};
}

std::string in_console(const std::string& text) { return "text\n```console\n" + text + "```\n"; }

}  // namespace

TEST_CASE("pages: each command of the README prints what it shows", "[pages]") {
  const auto wrong = run_page(page("README.md"));
  INFO(wrong);
  CHECK(wrong.empty());
}

TEST_CASE("pages: each command of docs/ssh.md prints what it shows", "[pages]") {
  const auto wrong = run_page(page("docs/ssh.md"));
  INFO(wrong);
  CHECK(wrong.empty());
}

TEST_CASE("pages: each example of docs/guide.md prints what it shows", "[pages]") {
  const auto wrong = run_page(page("docs/guide.md"));
  INFO(wrong);
  CHECK(wrong.empty());
}

TEST_CASE("pages: each example of docs/rpc.md prints what it shows", "[pages]") {
  const auto wrong = run_page(page("docs/rpc.md"));
  INFO(wrong);
  CHECK(wrong.empty());
}

TEST_CASE("pages: a page that shows something else fails, with both texts", "[pages]") {
  const auto wrong = run_page(in_console("$ true\n$ echo one; echo two >&2\none\n2\n$ echo never\n"));
  CHECK_THAT(wrong, Contains("line 4: echo one") && Contains("| 2\n") && Contains("| two\n") && !Contains("never"));
  CHECK_THAT(run_page(in_console("$ echo more\n")), Contains("| more\n"));
  CHECK_THAT(run_page(in_console("$ true\nmissing\n")), Contains("| missing\n"));
}

TEST_CASE("pages: commands share a shell, and may go on over lines", "[pages]") {
  const auto wrong =
      run_page(in_console("$ export WHO=ann; touch \\\n    file\n$ ls; echo $WHO $HOME\nfile\nann /home/ann\n"
                          "$ cat <<'END'\none\nEND\none\n$ (read line; echo late) &\nlate\n"
                          "$ seq 9\n1\n...\n9\n$ echo SHA256:$(head -c 43 /dev/zero | tr '\\0' a)\n"
                          "SHA256:4LLTfC1EFJYrhtF8aCNtRs/rIUQpIxwr22Ph3ZoKw64\n"));
  INFO(wrong);
  CHECK(wrong.empty());
}

TEST_CASE("pages: ports that a page names are others when it runs", "[pages]") {
  const auto wrong =
      run_page(in_console("$ echo 127.0.0.1:8080 | tr -d .; expr 8080 = 80''80\n127001:8080\n0\n"
                          "$ echo localhost:1080; expr 1080 = 10''80\nlocalhost:1080\n0\n"
                          "$ echo shop:49152; expr 49152 = 491''52\nshop:49152\n1\n"));
  INFO(wrong);
  CHECK(wrong.empty());
}

TEST_CASE("pages: a terminal shows two streams in any order, and '...' is any lines", "[pages]") {
  using text = std::vector<std::string>;
  const auto agree = [](const text& shown, const text& out, const text& err) { return matches(shown, out, err); };
  CHECK(agree({}, {}, {}));
  CHECK(agree({"..."}, {}, {}));
  CHECK(agree({"a", "...", "c"}, {"a", "b", "c"}, {}));
  CHECK(agree({"...", "c"}, {"c", "b", "c"}, {"x"}));
  CHECK(agree({"a", "x", "b"}, {"a", "b"}, {"x"}));
  CHECK(agree({"a", "x", "b"}, {"x", "b"}, {"a"}));
  CHECK_FALSE(agree({"a", "b"}, {"b", "a"}, {}));
  CHECK_FALSE(agree({"a", "...", "c"}, {"a"}, {}));
  CHECK_FALSE(agree({"a"}, {"a", "b"}, {}));
  CHECK_FALSE(agree({"a"}, {"a"}, {"b"}));
  CHECK_FALSE(agree({"...", "c"}, {"b"}, {}));
}
