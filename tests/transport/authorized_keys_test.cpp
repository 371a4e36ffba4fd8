// SPDX-License-Identifier: BSD-2-Clause
#include "transport/authorized_keys.hpp"

#include <duplex/key.hpp>

#include "tests/transport/folder.hpp"
#include "tests/transport/keys.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace duplex;
using namespace duplex::transport;
using Catch::Contains;
using strings = std::vector<std::string>;
using transport_tests::folder;
using transport_tests::shown;
using transport_tests::variable;

namespace {

verdict check_client(const std::string& authorized_keys, const key& client) {
  options of;
  of.authorized_keys = authorized_keys;
  return authorized_keys::load(of).check(shown(client).get(), "");
}

}  // namespace

TEST_CASE("authorized keys: a listed key is allowed, with its line and comment", "[authorized keys]") {
  const folder here;
  const auto me = key::generate(), other = key::generate();
  const auto path =
      here.write("keys", "# who may\n\n" + other.public_line("other") + "\n" + me.public_line("me at  home") + "\n");
  const auto found = check_client(path, me);
  CHECK(found.allowed);
  CHECK(found.why == path + ":4");
  REQUIRE(found.may);
  CHECK(found.may->where() == path + ":4");
  CHECK(found.may->comment() == "me at  home");
}

TEST_CASE("authorized keys: a list may be given as its own lines", "[authorized keys]") {
  const auto me = key::generate(), other = key::generate();
  CHECK(check_client(me.public_line(), me).allowed);
  const auto second = check_client(other.public_line() + "\n" + me.public_line("me"), me);
  CHECK(second.allowed);
  CHECK(second.why == "option authorized_keys:2");
  CHECK_FALSE(check_client(other.public_line(), me).allowed);
}

TEST_CASE("authorized keys: an unlisted key is refused with the command that admits it", "[authorized keys]") {
  const folder here;
  const auto me = key::generate();
  const auto path = here.write("keys", key::generate().public_line() + "\n");
  const auto found = check_client(path, me);
  CHECK_FALSE(found.allowed);
  CHECK_FALSE(found.may);
  CHECK(found.why == "no line of " + path + " holds " + me.fingerprint() + "; admit it with: echo '" +
                         me.public_line() + "' | duplex allow --authorized-keys " + path + " -");
  const auto spaced = here.write("who's in", "");
  CHECK_THAT(check_client(spaced, me).why,
             Contains("duplex allow --authorized-keys '" + here.path("who'\\''s in") + "' -"));
  CHECK_THAT(check_client(key::generate().public_line(), me).why,
             Contains("this line in option authorized_keys would admit it: " + me.public_line()));
}

TEST_CASE("authorized keys: nobody is allowed where there is no list", "[authorized keys]") {
  const folder here;
  const auto me = key::generate();
  const auto missing = check_client(here.path("none"), me);
  CHECK_FALSE(missing.allowed);
  CHECK_THAT(missing.why, Contains(here.path("none") + " does not exist, so nobody is allowed") &&
                              Contains(me.fingerprint()) && Contains("echo '" + me.public_line() + "' | duplex allow"));
  CHECK_FALSE(check_client(here.write("empty", ""), me).allowed);
  CHECK_FALSE(check_client("/dev/null", me).allowed);
}

TEST_CASE("authorized keys: a folder in the list's place admits nobody and harms nobody", "[authorized keys]") {
  const folder here;
  const auto me = key::generate();
  const auto found = check_client(here.path(""), me);
  CHECK_FALSE(found.allowed);
  CHECK_THAT(found.why, Contains("cannot be read"));
}

TEST_CASE("authorized keys: a line of foreign options, a comment or damage admits nobody", "[authorized keys]") {
  const auto me = key::generate();
  const auto line = me.public_line();
  const auto base64 = line.substr(line.find(' ') + 1);
  const folder here;
  for (const std::string& text :
       strings{"command=\"ls\" " + line, "from=\"10.0.0.1\",no-pty " + line, "cert-authority " + line, "#" + line,
               "# " + line, "ssh-ed25519" + base64, "ssh-ed25519", "ssh-ed25519 ", "ssh-ed25519 #" + base64,
               "ssh-rsa " + base64, "ssh-nothing " + base64, line.substr(0, line.size() - 4), "ssh-ed25519 AAAA",
               "garbage\xff\xff", std::string(100'000, 'x'), std::string("\0\0\0", 3)}) {
    INFO(text.substr(0, 80));
    CHECK_FALSE(check_client(here.write("keys", text + "\n"), me).allowed);
    // The lines after it count all the same.
    CHECK(check_client(here.write("keys", text + "\n" + line), me).allowed);
  }
}

TEST_CASE("authorized keys: white space around and a missing last newline do not matter", "[authorized keys]") {
  const folder here;
  const auto me = key::generate();
  auto line = me.public_line();
  line.replace(line.find(' '), 1, " \t ");
  const auto found = check_client(here.write("keys", " \t" + line + "  me  \r"), me);
  REQUIRE(found.allowed);
  CHECK(found.may->comment() == "me");
}

TEST_CASE("authorized keys: the list is read anew each time", "[authorized keys]") {
  const folder here;
  const auto me = key::generate();
  const auto path = here.write("keys", "");
  CHECK_FALSE(check_client(path, me).allowed);
  here.write("keys", me.public_line());
  CHECK(check_client(path, me).allowed);
  here.write("keys", "");
  CHECK_FALSE(check_client(path, me).allowed);
}

TEST_CASE("authorized keys: without an option the configuration folder has the list", "[authorized keys]") {
  const folder here;
  const variable home{"DUPLEX_HOME", here.path("").c_str()};
  const auto me = key::generate();
  CHECK_THAT(check_client("", me).why, Contains("| duplex allow -"));
  here.write("authorized_keys", me.public_line());
  CHECK(check_client("", me).allowed);
}

TEST_CASE("authorized keys: lines given as an option may begin with options or a comment", "[authorized keys]") {
  const auto me = key::generate();
  for (const auto& text : strings{"restrict,permitopen=\"a:1\" " + me.public_line(), "# me\n" + me.public_line()})
    CHECK(check_client(text, me).allowed);
  CHECK_THAT(check_client("/tmp/my rsa keys", me).why, Contains("/tmp/my rsa keys does not exist"));
}

TEST_CASE("authorized keys: a list says what it is", "[authorized keys]") {
  const folder here;
  const auto me = key::generate();
  options of;
  of.authorized_keys = me.public_line();
  const auto lines = authorized_keys::load(of);
  CHECK_FALSE(lines.is_file());
  CHECK(lines.readable());
  CHECK_FALSE(lines.admits_nobody());
  of.authorized_keys = here.write("keys", "restrict\n");
  const auto file = authorized_keys::load(of);
  CHECK(file.is_file());
  CHECK(file.name() == of.authorized_keys);
  CHECK(file.admits_nobody());
  CHECK(file.problems().size() == 1);
  of.authorized_keys = here.path("none");
  CHECK_FALSE(authorized_keys::load(of).readable());
}

TEST_CASE("authorized keys: a line over 16 KiB is a problem and no more", "[authorized keys]") {
  const auto me = key::generate();
  const auto line = me.public_line();
  const std::size_t limit = 16384;
  const auto longest = line + ' ' + std::string(limit - line.size() - 1, 'x');
  CHECK(authorized_keys::parse("f", longest).problems().empty());
  const auto over = authorized_keys::parse("f", longest + "x\n" + line);
  CHECK(over.problems() == strings{"f:1: a line of 16385 bytes is over the limit of 16384; the line is ignored"});
  CHECK(over.check(shown(me).get(), "").why == "f:2");
}

TEST_CASE("authorized keys: what lies beyond 4 MiB is a problem and admits nobody", "[authorized keys]") {
  const folder here;
  const auto me = key::generate(), last = key::generate();
  std::string text = me.public_line() + "\n";
  while (text.size() < (4U << 20) - 1000) text += "# " + std::string(900, 'x') + "\n";
  const auto fits =
      text + std::string((4U << 20) - text.size() - last.public_line().size() - 1, '\n') + last.public_line() + "\n";
  CHECK(fits.size() == 4U << 20);
  CHECK(check_client(here.write("keys", fits), last).allowed);
  options of;
  of.authorized_keys = here.write("keys", "\n" + fits);
  const auto keys = authorized_keys::load(of);
  REQUIRE(keys.problems().size() == 1);
  CHECK_THAT(keys.problems()[0], Contains("over the limit of 4194304 bytes"));
  CHECK(keys.check(shown(me).get(), "").allowed);
  CHECK_FALSE(keys.check(shown(last).get(), "").allowed);
}

TEST_CASE("authorized keys: problems are told up to a limit", "[authorized keys]") {
  std::string text;
  for (int n = 0; n < 5000; ++n) text += "x\n";
  const auto keys = authorized_keys::parse("f", text);
  CHECK(keys.problems().size() == 1001);
  CHECK(keys.problems().back() == "f:1001: more is wrong from this line on");
}

#if !defined(__SANITIZE_ADDRESS__)  // which needs a pipe to look at memory, and takes it for bad without one
TEST_CASE("authorized keys: a list that cannot be opened for want of descriptors is unknown, not empty",
          "[authorized keys]") {
  const folder here;
  options of;
  of.authorized_keys = here.write("keys", key::generate().public_line());
  const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(next);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none{static_cast<rlim_t>(next), before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const auto unknown = authorized_keys::load(of);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(unknown.is_unknown());
  CHECK(unknown.admits_nobody());
  CHECK_FALSE(authorized_keys::load(of).is_unknown());
  of.authorized_keys = here.path("none");
  CHECK_FALSE(authorized_keys::load(of).is_unknown());
}
#endif
