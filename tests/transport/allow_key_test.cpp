// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/authorized_keys.hpp>
#include <duplex/key.hpp>

#include "tests/transport/folder.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

using namespace duplex;
using Catch::Contains;
using strings = std::vector<std::string>;
using transport_tests::folder;
using transport_tests::variable;

namespace {

mode_t mode(const std::string& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 ? about.st_mode & 07777 : 0;
}

std::string fresh(std::string_view comment = "me") { return key::generate().public_line(comment); }

void check_refused(const folder& here, const std::string& line, errc code, const std::string& why) {
  const auto before = here.read("keys");
  const auto found = allow_key(here.path("keys"), line);
  REQUIRE_FALSE(found);
  CHECK(found.error().code() == code);
  CHECK_THAT(found.error().context(), Contains(why));
  CHECK(here.read("keys") == before);
}

}  // namespace

TEST_CASE("allow key: folder and file are made, closed to others", "[allow key]") {
  const folder here;
  const auto line = fresh();
  const auto path = here.path("new/keys");
  const auto done = allow_key(path, line + '\n');
  REQUIRE(done);
  CHECK(done->line == line);
  CHECK(done->where == path + ":1");
  CHECK(done->added);
  CHECK(here.read("new/keys") == line + '\n');
  CHECK(mode(path) == 0600);
  CHECK(mode(here.path("new")) == 0700);
}

TEST_CASE("allow key: without a file it is the configuration folder's", "[allow key]") {
  const folder here;
  const variable home{"DUPLEX_HOME", here.path("a/b").c_str()};
  REQUIRE(allow_key("", fresh()));
  CHECK(mode(here.path("a/b/authorized_keys")) == 0600);
}

TEST_CASE("allow key: a line goes to the end, once, and starts a line of its own", "[allow key]") {
  const folder here;
  const auto first = fresh("first"), second = "restrict,permitopen=\"a:1\" " + fresh("second");
  const auto path = here.write("keys", "# who\n\n" + first);
  CHECK(allow_key(path, second)->where == path + ":4");
  CHECK(here.read("keys") == "# who\n\n" + first + '\n' + second + '\n');
  const auto again = allow_key(path, second.substr(0, second.rfind(' ')) + " another comment\r");
  REQUIRE(again);
  CHECK_FALSE(again->added);
  CHECK(again->where == path + ":4");
  CHECK(again->line == second);
  CHECK_FALSE(allow_key(path, first)->added);
  CHECK(here.read("keys") == "# who\n\n" + first + '\n' + second + '\n');
}

TEST_CASE("allow key: another line with the key is named, not added to", "[allow key]") {
  const folder here;
  const auto line = fresh();
  const auto path = here.write("keys", "\nrestrict " + line + '\n');
  check_refused(here, line, errc::already_exists, path + ":2 holds that key with other options; edit that line");
  check_refused(here, "no-pty " + line, errc::already_exists, path + ":2");
  here.write("keys", "command=\"x\" " + line + '\n');
  check_refused(here, line, errc::already_exists, path + ":1");
  here.write("keys", "restrict " + line + '\n' + line + '\n');
  CHECK(allow_key(path, line)->where == path + ":2");
}

TEST_CASE("allow key: a line that would admit nobody is refused, and nothing written", "[allow key]") {
  const folder here;
  const auto line = fresh();
  for (const auto& [text, why] : std::vector<std::pair<std::string, std::string>>{
           {"", "no key is in it"},
           {"hello", "no key is in it"},
           {"# " + line, "unknown option '#'"},
           {line.substr(0, 40), "the key is damaged"},
           {"command=\"x\" " + line, "unknown option 'command'"},
           {"from=\"host.example\" " + line, "names are never resolved here"},
           {"from=\"10.0.0.1 " + line, "no key is in it"},
           {line + '\n' + fresh(), "a line break or another control"},
           {line + "\r" + fresh(), "a line break or another control"},
           {line + std::string("\0", 1), "NUL"},
           {line + std::string(20'000, 'x'), "over the limit"},
           {key::generate().text(), "that is a private key"}})
    check_refused(here, text, errc::invalid_argument, why);
  CHECK(mode(here.path("keys")) == 0);
}

TEST_CASE("allow key: a line with limits of its own takes none from outside", "[allow key]") {
  const folder here;
  for (const std::string own : {"permitopen=\"*:*\" ", "permitlisten=\"*:*\" ", "environment=\"DUPLEX_PEER=x\" "}) {
    const auto done = allow_keys(here.path("keys"), own + fresh(), "permitopen=\"web:*\"");
    CHECK(done.error().code() == errc::invalid_argument);
    CHECK_THAT(done.error().context(), Contains("limits of its own"));
    CHECK(allow_keys(here.path("alone"), own + fresh()));
  }
  CHECK(mode(here.path("keys")) == 0);
}

TEST_CASE("allow key: options are put before those of the line", "[allow key]") {
  const folder here;
  const auto one = fresh("one"), two = fresh("two");
  const auto path = here.path("keys");
  const auto done = allow_keys(path, "# mine\n" + one + "\n\nno-pty " + two, "restrict,from=\"10.0.0.1\"");
  REQUIRE(done);
  CHECK(here.read("keys") == "restrict,from=\"10.0.0.1\" " + one + "\nrestrict,from=\"10.0.0.1\",no-pty " + two + '\n');
  REQUIRE(done->size() == 2);
  CHECK(done->at(1).where == path + ":2");
  for (const auto& options : strings{fresh(), "restrict ", "restrict,", "#", "restrict\n", "restrict " + fresh(),
                                     "from=\"10.0.0.1\\\"", " ", "\n"}) {
    CAPTURE(options);
    const auto refused = allow_keys(here.path("other"), "no-pty " + fresh(), options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == errc::invalid_argument);
  }
  CHECK(mode(here.path("other")) == 0);
}

TEST_CASE("allow key: of several lines all are added or none", "[allow key]") {
  const folder here;
  const auto one = fresh(), two = fresh();
  const auto path = here.write("keys", "restrict " + two + '\n');
  const auto wrong = allow_keys(path, one + "\n# x\ncommand=\"x\" " + fresh());
  REQUIRE_FALSE(wrong);
  CHECK_THAT(wrong.error().context(), Contains("line 3: unknown option 'command'"));
  CHECK(allow_keys(path, one + '\n' + two).error().code() == errc::already_exists);
  CHECK(allow_keys(path, "\n# nobody\n").error().code() == errc::invalid_argument);
  CHECK(here.read("keys") == "restrict " + two + '\n');
  const auto twice = allow_keys(path, one + '\n' + one);
  REQUIRE(twice);
  CHECK(twice->at(0).added);
  CHECK_FALSE(twice->at(1).added);
  CHECK(twice->at(1).where == path + ":2");
  CHECK(here.read("keys") == "restrict " + two + '\n' + one + '\n');
}

TEST_CASE("allow key: a file that others can write is closed, another keeps its mode", "[allow key]") {
  const folder here;
  const auto path = here.write("keys", "");
  for (const auto& [before, after] : std::vector<std::pair<mode_t, mode_t>>{{0644, 0644}, {0664, 0600}, {0602, 0600}}) {
    REQUIRE(::chmod(path.c_str(), before) == 0);
    REQUIRE(allow_key(path, fresh()));
    CHECK(mode(path) == after);
  }
}

TEST_CASE("allow key: what is no file is refused", "[allow key]") {
  const folder here;
  for (const auto& path : {here.path(""), std::string{"/dev/null"}, here.write("file", "") + "/keys"}) {
    const auto found = allow_key(path, fresh());
    REQUIRE_FALSE(found);
    CHECK(found.error().code() == errc::io);
    CHECK_THAT(found.error().context(), Contains(path));
  }
}

TEST_CASE("allow key: a list that could not be read any more is not written", "[allow key]") {
  const folder here;
  const auto path = here.write("keys", std::string((4U << 20) - 50, '\n'));
  CHECK(allow_key(path, fresh()).error().code() == errc::resource_exhausted);
  CHECK(here.read("keys").size() == (4U << 20) - 50);
  here.write("keys", std::string((4U << 20) + 1, '\n'));
  CHECK(allow_key(path, fresh()).error().code() == errc::resource_exhausted);
}

TEST_CASE("allow key: many at once leave each line whole, and each once", "[allow key]") {
  const folder here;
  const auto path = here.path("keys");
  strings lines;
  for (int n = 0; n < 20; ++n) lines.push_back(fresh(std::string(200, 'x')));
  std::vector<std::thread> writers;
  for (int n = 0; n < 4; ++n)
    writers.emplace_back([&] {
      for (const auto& line : lines) (void)allow_key(path, line);
    });
  for (auto& one : writers) one.join();
  const auto text = here.read("keys");
  std::size_t size = 0;
  for (const auto& line : lines) {
    CHECK_THAT(text, Contains(line + '\n'));
    size += line.size() + 1;
  }
  CHECK(text.size() == size);
}
