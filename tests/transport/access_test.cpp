// SPDX-License-Identifier: BSD-2-Clause
#include "transport/access.hpp"

#include <duplex/key.hpp>
#include <duplex/percent.hpp>

#include "tests/transport/folder.hpp"
#include "transport/ssh_ptr.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace duplex;
using namespace duplex::transport;
using Catch::Contains;
using strings = std::vector<std::string>;
using transport_tests::folder;
using transport_tests::variable;

namespace {

// The public half, as libssh hands it to its callbacks.
ssh_key_ptr shown(const key& of) {
  ssh_key raw = nullptr;
  REQUIRE(ssh_pki_export_privkey_to_pubkey(of.rep().key.get(), &raw) == SSH_OK);
  return ssh_key_ptr{raw};
}

verdict check_client(const std::string& authorized_keys, const key& client) {
  options of;
  of.authorized_keys = authorized_keys;
  return check_client_key(of, shown(client).get());
}

const endpoint host = endpoint::tcp("127.0.0.1", 2259);

result<void> check_host(const std::string& known_hosts, const key& showing, const std::string& pin = {}) {
  options of;
  of.known_hosts = known_hosts;
  of.host_key = pin;
  return check_host_key(of, host, shown(showing).get());
}

std::string line_for(const endpoint& where, const key& of) {
  return percent_encode(where.str()) + ' ' + of.public_line() + '\n';
}

}  // namespace

TEST_CASE("access: a listed key is allowed, with its line and comment", "[access]") {
  const folder here;
  const auto me = key::generate(), other = key::generate();
  const auto path =
      here.write("keys", "# who may\n\n" + other.public_line("other") + "\n" + me.public_line("me at  home") + "\n");
  const auto found = check_client(path, me);
  CHECK(found.allowed);
  CHECK(found.why == path + ":4");
  CHECK(found.comment == "me at  home");
}

TEST_CASE("access: a list may be given as its own lines", "[access]") {
  const auto me = key::generate(), other = key::generate();
  CHECK(check_client(me.public_line(), me).allowed);
  const auto second = check_client(other.public_line() + "\n" + me.public_line("me"), me);
  CHECK(second.allowed);
  CHECK(second.why == "option authorized_keys:2");
  CHECK_FALSE(check_client(other.public_line(), me).allowed);
}

TEST_CASE("access: an unlisted key is refused with the line that would admit it", "[access]") {
  const folder here;
  const auto me = key::generate();
  const auto path = here.write("keys", key::generate().public_line() + "\n");
  const auto found = check_client(path, me);
  CHECK_FALSE(found.allowed);
  CHECK_THAT(found.why, Contains(path) && Contains(me.fingerprint()) && Contains(me.public_line()));
}

TEST_CASE("access: nobody is allowed where there is no list", "[access]") {
  const folder here;
  const auto me = key::generate();
  const auto missing = check_client(here.path("none"), me);
  CHECK_FALSE(missing.allowed);
  CHECK_THAT(missing.why, Contains(here.path("none")) && Contains("cannot be read") && Contains(me.fingerprint()));
  CHECK_FALSE(check_client(here.write("empty", ""), me).allowed);
  CHECK_FALSE(check_client("/dev/null", me).allowed);
}

TEST_CASE("access: a folder in the list's place admits nobody and harms nobody", "[access]") {
  const folder here;
  const auto me = key::generate();
  const auto found = check_client(here.path(""), me);
  CHECK_FALSE(found.allowed);
  CHECK_THAT(found.why, Contains("cannot be read"));
  CHECK(check_host(here.path(""), me).error().code() == errc::host_key);
}

TEST_CASE("access: a line with options, a comment or damage admits nobody", "[access]") {
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

TEST_CASE("access: white space around and a missing last newline do not matter", "[access]") {
  const folder here;
  const auto me = key::generate();
  auto line = me.public_line();
  line.replace(line.find(' '), 1, " \t ");
  CHECK(check_client(here.write("keys", " \t" + line + "  me  \r"), me).allowed);
}

TEST_CASE("access: the list is read anew each time", "[access]") {
  const folder here;
  const auto me = key::generate();
  const auto path = here.write("keys", "");
  CHECK_FALSE(check_client(path, me).allowed);
  here.write("keys", me.public_line());
  CHECK(check_client(path, me).allowed);
  here.write("keys", "");
  CHECK_FALSE(check_client(path, me).allowed);
}

TEST_CASE("access: without an option the configuration folder has the lists", "[access]") {
  const folder here;
  const variable home{"DUPLEX_HOME", here.path("").c_str()};
  const auto me = key::generate();
  CHECK_FALSE(check_client("", me).allowed);
  CHECK_FALSE(check_host("", me));
  here.write("authorized_keys", me.public_line());
  here.write("known_hosts", line_for(host, me));
  CHECK(check_client("", me).allowed);
  CHECK(check_host("", me));
}

TEST_CASE("access: a known host is trusted, under its own endpoint only", "[access]") {
  const folder here;
  const auto key_of_host = key::generate();
  CHECK(check_host(here.write("hosts", "# comment\n\n" + line_for(host, key_of_host)), key_of_host));
  for (const auto& where :
       {endpoint::tcp("127.0.0.1", 2260), endpoint::tcp("127.0.0.2", 2259), endpoint::tcp("::1", 2259)}) {
    const auto other = check_host(here.write("hosts", line_for(where, key_of_host)), key_of_host);
    CHECK(other.error().code() == errc::host_key);
  }
}

TEST_CASE("access: a host may have several lines", "[access]") {
  const folder here;
  const auto old = key::generate(), current = key::generate();
  const auto path = here.write("hosts", line_for(host, old) + line_for(host, current));
  CHECK(check_host(path, old));
  CHECK(check_host(path, current));
}

TEST_CASE("access: an unknown host is refused with fingerprint and line", "[access]") {
  const folder here;
  const auto stranger = key::generate();
  const auto path = here.path("hosts");
  const auto unknown = check_host(path, stranger);
  CHECK(unknown.error().code() == errc::host_key);
  const auto line = line_for(host, stranger);
  CHECK_THAT(unknown.error().context(), Contains("unknown key " + stranger.fingerprint()) && Contains(path) &&
                                            Contains("'" + line.substr(0, line.size() - 1) + "'"));
  here.write("hosts", line);  // doing what it says helps
  CHECK(check_host(path, stranger));
}

TEST_CASE("access: a host with another key than listed is told from an unknown one", "[access]") {
  const folder here;
  const auto impostor = key::generate();
  const auto changed = check_host(here.write("hosts", line_for(host, key::generate())), impostor);
  CHECK(changed.error().code() == errc::host_key);
  CHECK_THAT(changed.error().context(), Contains("another key") && Contains(impostor.fingerprint()));
}

TEST_CASE("access: a damaged line of a host is no match", "[access]") {
  const folder here;
  const auto me = key::generate();
  const auto name = percent_encode(host.str());
  for (const std::string& text : strings{name, name + " ssh-ed25519", name + " ssh-ed25519 AAAA",
                                         name + " x " + me.public_line(), "#" + line_for(host, me)}) {
    INFO(text);
    CHECK(check_host(here.write("hosts", text + "\n"), me).error().code() == errc::host_key);
    CHECK(check_host(here.write("hosts", text + "\n" + line_for(host, me)), me));
  }
}

TEST_CASE("access: a pinned fingerprint decides alone", "[access]") {
  const folder here;
  const auto pinned = key::generate(), other = key::generate();
  CHECK(check_host(here.path("none"), pinned, pinned.fingerprint()));
  const auto known = here.write("hosts", line_for(host, other));
  CHECK(check_host(known, pinned, pinned.fingerprint()));
  const auto wrong = check_host(known, other, pinned.fingerprint());
  CHECK(wrong.error().code() == errc::host_key);
  CHECK_THAT(wrong.error().context(),
             Contains(other.fingerprint()) && Contains(pinned.fingerprint()) && Contains("host_key"));
}
