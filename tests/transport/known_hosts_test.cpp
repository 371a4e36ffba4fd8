// SPDX-License-Identifier: BSD-2-Clause
#include "transport/known_hosts.hpp"

#include <duplex/key.hpp>
#include <duplex/percent.hpp>

#include "tests/transport/folder.hpp"
#include "tests/transport/keys.hpp"

#include "transport/unique_fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

using namespace duplex;
using namespace duplex::transport;
using Catch::Contains;
using Catch::EndsWith;
using strings = std::vector<std::string>;
using transport_tests::folder;
using transport_tests::variable;

namespace {

const endpoint host = endpoint::tcp("127.0.0.1", 2259);

host_key described(const key& of) { return {of.public_line(), of.fingerprint()}; }

result<std::string> check_host(const std::string& known_hosts, const key& showing, const std::string& pin = {},
                               const std::string& policy = "strict") {
  options of;
  of.known_hosts = known_hosts;
  of.host_key = pin;
  of.host_key_policy = policy;
  return check_host_key(of, host, described(showing));
}

result<std::string> accept_new(const std::string& known_hosts, const key& showing) {
  return check_host(known_hosts, showing, {}, "accept_new");
}

mode_t mode_of(const std::string& path) {
  struct stat about {};
  REQUIRE(::stat(path.c_str(), &about) == 0);
  return about.st_mode & 07777;
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

TEST_CASE("known hosts: an unknown host is refused with its fingerprint and the command that admits it",
          "[known hosts]") {
  const folder here;
  const auto stranger = key::generate();
  const auto path = here.path("hosts");
  const auto unknown = check_host(path, stranger);
  CHECK(unknown.error().code() == errc::host_key);
  CHECK_THAT(unknown.error().context(), Contains("unknown key " + stranger.fingerprint()) &&
                                            EndsWith("then: duplex trust --host-key " + stranger.fingerprint() +
                                                     " --known-hosts " + path + " tcp://127.0.0.1:2259"));
  const variable home{"DUPLEX_HOME", here.path("").c_str()};
  CHECK_THAT(check_host("", stranger).error().context(),
             EndsWith("duplex trust --host-key " + stranger.fingerprint() + " tcp://127.0.0.1:2259"));
  CHECK_THAT(check_host(here.path("it's mine"), stranger).error().context(),
             Contains("--known-hosts '" + here.path("it'\\''s mine") + "' tcp://"));
}

TEST_CASE("known hosts: lines in the option's place admit a host, and an unknown one is told the line",
          "[known hosts]") {
  const auto me = key::generate(), stranger = key::generate();
  const auto text = line_for(host, me);
  CHECK(check_host(text, me));
  const auto other = endpoint::tcp("127.0.0.1", 2260);
  options of;
  of.known_hosts = text;
  const auto unknown = check_host_key(of, other, described(stranger));
  const auto line = line_for(other, stranger);
  CHECK_THAT(unknown.error().context(), Contains("option known_hosts") &&
                                            EndsWith("'" + line.substr(0, line.size() - 1) + "'") &&
                                            !Contains("duplex trust"));
  CHECK(check_host_key({.known_hosts = text + line}, other, described(stranger)));  // doing what it says helps
  CHECK_THAT(check_host(text, stranger).error().context(), Contains("option known_hosts:1 lists " + me.fingerprint()));
}

TEST_CASE("known hosts: a host with another key than listed is refused by both policies, with the old line",
          "[known hosts]") {
  const folder here;
  const auto listed = key::generate(), impostor = key::generate();
  const auto before = "# mine\n" + line_for(host, listed);
  const auto path = here.write("hosts", before);
  for (const auto& changed : {check_host(path, impostor), accept_new(path, impostor)}) {
    CHECK(changed.error().code() == errc::host_key);
    CHECK_THAT(changed.error().context(), Contains(impostor.fingerprint()) &&
                                              Contains(path + ":2 lists " + listed.fingerprint()) &&
                                              Contains("duplex trust --host-key " + impostor.fingerprint()));
  }
  CHECK(here.read("hosts") == before);
}

TEST_CASE("known hosts: accept_new adds an unknown host once, to a file closed to others", "[known hosts]") {
  const folder here;
  const auto me = key::generate();
  const auto path = here.path("new/hosts");
  const auto mask = ::umask(0);  // the modes must not come from the umask
  const auto added = accept_new(path, me);
  ::umask(mask);
  REQUIRE(added);
  CHECK(*added == path);
  CHECK(here.read("new/hosts") == line_for(host, me));
  CHECK(mode_of(path) == 0600);
  CHECK(mode_of(here.path("new")) == 0700);
  CHECK(accept_new(path, me)->empty());
  CHECK(check_host(path, me)->empty());
  CHECK(here.read("new/hosts") == line_for(host, me));
}

TEST_CASE("known hosts: accept_new mends a missing last newline", "[known hosts]") {
  const folder here;
  const auto me = key::generate();
  const auto path = here.write("hosts", "# no newline");
  REQUIRE(accept_new(path, me));
  CHECK(here.read("hosts") == "# no newline\n" + line_for(host, me));
}

TEST_CASE("known hosts: accept_new needs a file that can be written", "[known hosts]") {
  const folder here;
  const auto me = key::generate();
  const auto inline_text = accept_new(line_for(endpoint::tcp("h", 1), key::generate()), me);
  CHECK(inline_text.error().code() == errc::host_key);
  CHECK_THAT(inline_text.error().context(), Contains("to be a file"));
  for (const auto& path : {here.path(""), here.write("plain", "") + "/hosts"}) {
    const auto unwritable = accept_new(path, me);
    CHECK(unwritable.error().code() == errc::host_key);
    CHECK_THAT(unwritable.error().context(), Contains("'" + path + "' cannot be written"));
  }
}

TEST_CASE("known hosts: a pinned fingerprint overrides accept_new, and adds nothing", "[known hosts]") {
  const folder here;
  const auto pinned = key::generate(), other = key::generate();
  CHECK(check_host(here.path("hosts"), pinned, pinned.fingerprint(), "accept_new")->empty());
  CHECK_FALSE(check_host(here.path("hosts"), other, pinned.fingerprint(), "accept_new"));
  CHECK_FALSE(std::filesystem::exists(here.path("hosts")));
}

TEST_CASE("known hosts: trusting adds a host, says when it is there, and replaces only its lines", "[known hosts]") {
  using change = trusted_host::change;
  const folder here;
  const auto old = key::generate(), current = key::generate(), of_another = key::generate();
  const auto another = line_for(endpoint::tcp("127.0.0.1", 2260), of_another);
  const auto path = here.write("hosts", "# first\n" + another + "garbage");
  const auto added = trust_host(path, host, described(old));
  REQUIRE(added);
  CHECK(added->what == change::added);
  CHECK(added->file == path);
  CHECK(here.read("hosts") == "# first\n" + another + "garbage\n" + line_for(host, old));
  CHECK(trust_host(path, host, described(old))->what == change::none);
  here.write("hosts", line_for(host, old) + another + percent_encode(host.str()) + " damaged\n" + "# last");
  CHECK(trust_host(path, host, described(current))->what == change::replaced);
  CHECK(here.read("hosts") == line_for(host, current) + another + "# last\n");
  CHECK(mode_of(path) == 0600);
  CHECK(check_host(path, current));
  CHECK_FALSE(check_host(path, old));
}

TEST_CASE("known hosts: trusting goes through a link, and refuses what is no key or no file", "[known hosts]") {
  const folder here;
  const auto me = key::generate();
  here.write("real", line_for(host, key::generate()));
  std::filesystem::create_symlink(here.path("real"), here.path("link"));
  REQUIRE(trust_host(here.path("link"), host, described(me)));
  CHECK(std::filesystem::is_symlink(here.path("link")));
  CHECK(here.read("real") == line_for(host, me));
  CHECK(trust_host(here.path("real"), host, {"ssh-ed25519 AAAA", ""}).error().code() == errc::invalid_argument);
  CHECK(trust_host(here.path(""), host, described(me)).error().code() == errc::host_key);
}

TEST_CASE("known hosts: processes that trust at the same time lose no line", "[known hosts]") {
  const folder here;
  const auto path = here.write("hosts", line_for(host, key::generate()));
  constexpr std::uint16_t count = 8;
  std::vector<std::thread> all;
  for (std::uint16_t i = 0; i < count; ++i)
    all.emplace_back([&path, i, mine = key::generate()] {
      (void)trust_host(path, host, described(mine));  // replaces the file
      (void)trust_host(path, endpoint::tcp("h", i), described(mine));
    });
  for (auto& one : all) one.join();
  for (std::uint16_t i = 0; i < count; ++i) CHECK(known_host_keys(path, endpoint::tcp("h", i)).size() == 1);
  CHECK(known_host_keys(path, host).size() == 1);
}

TEST_CASE("known hosts: a look-up tells the keys of an endpoint and their lines", "[known hosts]") {
  const folder here;
  const auto one = key::generate(), two = key::generate();
  const auto path = here.write("hosts", line_for(host, one) + "# -\n" + line_for(host, two));
  const auto found = known_host_keys(path, host);
  REQUIRE(found.size() == 2);
  CHECK(found[1].key.line == two.public_line());
  CHECK(found[1].key.fingerprint == two.fingerprint());
  CHECK(found[1].file == path);
  CHECK(found[1].line == 3);
  CHECK(known_host_keys(here.path("none"), host).empty());
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

TEST_CASE("known hosts: a path with a blank is one word of its line", "[known hosts]") {
  const folder here;
  const auto path = here.path("hosts");
  const auto where = *endpoint::parse("unix:///tmp/a b%20c/sock");
  const auto old = key::generate(), current = key::generate();
  const auto check = [&](const key& showing) {
    return check_host_key({.known_hosts = path, .host_key_policy = "accept_new"}, where, described(showing));
  };
  CHECK(*check(old) == path);
  CHECK(check(old)->empty());
  CHECK(check(current).error().code() == errc::host_key);
  CHECK(trust_host(path, where, described(old))->what == trusted_host::change::none);
  CHECK(trust_host(path, where, described(current))->what == trusted_host::change::replaced);
  CHECK(check(current)->empty());
  CHECK(known_host_keys(path, where).size() == 1);
}

TEST_CASE("known hosts: a list over 4 MiB is refused, for what was not read may name the host", "[known hosts]") {
  const folder here;
  const auto listed = key::generate(), other = key::generate();
  const auto text = std::string(4U << 20, '#') + '\n' + line_for(host, listed);
  const auto path = here.write("hosts", text);
  for (const auto& got : {check_host(path, listed), accept_new(path, other)}) {
    CHECK(got.error().code() == errc::host_key);
    CHECK_THAT(got.error().context(), Contains("'" + path + "'") && Contains("4194304 bytes"));
  }
  CHECK_FALSE(trust_host(path, host, described(other)));
  CHECK((here.read("hosts") == text));
}

TEST_CASE("known hosts: a FIFO without a writer is empty, and is read to its end with one", "[known hosts]") {
  const folder here;
  const auto path = here.path("hosts");
  const auto me = key::generate();
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(check_host(path, me).error().code() == errc::host_key);
  const unique_fd keeps{::open(path.c_str(), O_RDWR | O_NONBLOCK)};  // else the writer would wait for the reader
  const auto line = line_for(host, me);
  REQUIRE(::write(keeps.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size()));
  const auto start = std::chrono::steady_clock::now();
  (void)check_host(path, me);  // there is no end to it, so what is in it does not count
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds{20});
}
