// SPDX-License-Identifier: BSD-2-Clause
#include "transport/known_hosts.hpp"

#include <duplex/key.hpp>
#include <duplex/percent.hpp>

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

TEST_CASE("known hosts: a folder in the file's place, or no file, knows nobody", "[known hosts]") {
  const folder here;
  const auto me = key::generate();
  CHECK(check_host(here.path(""), me).error().code() == errc::host_key);
  const variable home{"DUPLEX_HOME", here.path("").c_str()};
  CHECK_FALSE(check_host("", me));
  here.write("known_hosts", line_for(host, me));
  CHECK(check_host("", me));
}

TEST_CASE("known hosts: a known host is trusted, under its own endpoint only", "[known hosts]") {
  const folder here;
  const auto key_of_host = key::generate();
  CHECK(check_host(here.write("hosts", "# comment\n\n" + line_for(host, key_of_host)), key_of_host));
  for (const auto& where :
       {endpoint::tcp("127.0.0.1", 2260), endpoint::tcp("127.0.0.2", 2259), endpoint::tcp("::1", 2259)}) {
    const auto other = check_host(here.write("hosts", line_for(where, key_of_host)), key_of_host);
    CHECK(other.error().code() == errc::host_key);
  }
}

TEST_CASE("known hosts: a host may have several lines", "[known hosts]") {
  const folder here;
  const auto old = key::generate(), current = key::generate();
  const auto path = here.write("hosts", line_for(host, old) + line_for(host, current));
  CHECK(check_host(path, old));
  CHECK(check_host(path, current));
}

TEST_CASE("known hosts: an unknown host is refused with fingerprint and line", "[known hosts]") {
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

TEST_CASE("known hosts: a host with another key than listed is told from an unknown one", "[known hosts]") {
  const folder here;
  const auto impostor = key::generate();
  const auto changed = check_host(here.write("hosts", line_for(host, key::generate())), impostor);
  CHECK(changed.error().code() == errc::host_key);
  CHECK_THAT(changed.error().context(), Contains("another key") && Contains(impostor.fingerprint()));
}

TEST_CASE("known hosts: a damaged line of a host is no match", "[known hosts]") {
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

TEST_CASE("known hosts: a pinned fingerprint decides alone", "[known hosts]") {
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
