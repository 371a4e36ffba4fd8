// SPDX-License-Identifier: BSD-2-Clause
#include "transport/authorized_keys.hpp"

#include <duplex/key.hpp>

#include "tests/transport/folder.hpp"
#include "tests/transport/keys.hpp"

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
  return check_client_key(of, shown(client).get());
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
  CHECK(found.comment == "me at  home");
}

TEST_CASE("authorized keys: a list may be given as its own lines", "[authorized keys]") {
  const auto me = key::generate(), other = key::generate();
  CHECK(check_client(me.public_line(), me).allowed);
  const auto second = check_client(other.public_line() + "\n" + me.public_line("me"), me);
  CHECK(second.allowed);
  CHECK(second.why == "option authorized_keys:2");
  CHECK_FALSE(check_client(other.public_line(), me).allowed);
}

TEST_CASE("authorized keys: an unlisted key is refused with the line that would admit it", "[authorized keys]") {
  const folder here;
  const auto me = key::generate();
  const auto path = here.write("keys", key::generate().public_line() + "\n");
  const auto found = check_client(path, me);
  CHECK_FALSE(found.allowed);
  CHECK_THAT(found.why, Contains(path) && Contains(me.fingerprint()) && Contains(me.public_line()));
}

TEST_CASE("authorized keys: nobody is allowed where there is no list", "[authorized keys]") {
  const folder here;
  const auto me = key::generate();
  const auto missing = check_client(here.path("none"), me);
  CHECK_FALSE(missing.allowed);
  CHECK_THAT(missing.why, Contains(here.path("none")) && Contains("cannot be read") && Contains(me.fingerprint()));
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

TEST_CASE("authorized keys: a line with options, a comment or damage admits nobody", "[authorized keys]") {
  const auto me = key::generate();
  const auto line = me.public_line();
  const auto base64 = line.substr(line.find(' ') + 1);
  const folder here;
  for (const std::string& text :
       strings{"restrict " + line, "command=\"ls\" " + line, "from=\"10.0.0.1\",no-pty " + line,
               "cert-authority " + line, "#" + line, "# " + line, "ssh-ed25519" + base64, "ssh-ed25519", "ssh-ed25519 ",
               "ssh-ed25519 #" + base64, "ssh-rsa " + base64, "ssh-nothing " + base64, line.substr(0, line.size() - 4),
               "ssh-ed25519 AAAA", "garbage\xff\xff", std::string(100'000, 'x'), std::string("\0\0\0", 3)}) {
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
  CHECK(check_client(here.write("keys", " \t" + line + "  me  \r"), me).allowed);
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
  CHECK_FALSE(check_client("", me).allowed);
  here.write("authorized_keys", me.public_line());
  CHECK(check_client("", me).allowed);
}
