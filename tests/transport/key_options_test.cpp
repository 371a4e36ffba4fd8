// SPDX-License-Identifier: BSD-2-Clause
#include "transport/authorized_keys.hpp"

#include <duplex/key.hpp>

#include "tests/transport/folder.hpp"
#include "tests/transport/keys.hpp"

#include <catch2/catch.hpp>
#include <ctime>
#include <string>
#include <vector>

using namespace duplex;
using namespace duplex::transport;
using Catch::Contains;
using strings = std::vector<std::string>;
using transport_tests::shown;
using transport_tests::variable;
using time_point = std::chrono::system_clock::time_point;

namespace {

const key& me() {
  static const auto one = key::generate();
  return one;
}

authorized_keys with(const std::string& options) {
  return authorized_keys::parse("f", options + ' ' + me().public_line("me"));
}

verdict check(const authorized_keys& keys, std::string_view address = "", time_point now = {}) {
  return keys.check(shown(me()).get(), address, now);
}

// What the line lets its key do; it must be a good one.
permissions_ptr allowed(const std::string& options) {
  const auto keys = with(options);
  CHECK(keys.problems() == strings{});
  const auto found = check(keys);
  REQUIRE(found.may);
  return found.may;
}

void check_refused(const std::string& options, const std::string& why) {
  CAPTURE(options);
  const auto keys = with(options);
  REQUIRE(keys.problems().size() == 1);
  CHECK_THAT(keys.problems()[0],
             Catch::StartsWith("f:1: ") && Contains(why) && Catch::EndsWith("; the line is ignored"));
  CHECK(keys.admits_nobody());
  const auto found = check(keys, "10.0.0.1");
  CHECK_FALSE(found.allowed);
  CHECK_FALSE(found.may);
  CHECK_THAT(found.why, Contains(me().fingerprint()) && Contains(keys.problems()[0]));
}

bool admits(const std::string& from, std::string_view address) {
  const auto keys = with("from=\"" + from + '"');
  CHECK(keys.problems() == strings{});
  const auto found = check(keys, address);
  if (!found.allowed) CHECK_THAT(found.why, Contains("f:1 holds it, but its from= does not match"));
  return found.allowed;
}

time_point at(std::time_t seconds) { return std::chrono::system_clock::from_time_t(seconds); }

}  // namespace

TEST_CASE("authorized keys: a line without options opens all but @ names, and offers nothing", "[authorized keys]") {
  const auto may = check(authorized_keys::parse("f", me().public_line())).may;
  REQUIRE(may);
  CHECK(may->may_open("echo", 1));
  CHECK(may->may_open("@duplex", 1));
  CHECK_FALSE(may->may_open("@status", 1));
  CHECK_FALSE(may->may_listen("web", 80));
  CHECK_FALSE(may->may_listen("@duplex", 1));
  CHECK(may->may_claim("anything"));
  CHECK(may->names().empty());
}

TEST_CASE("authorized keys: permitopen names what may be opened, @duplex always", "[authorized keys]") {
  const auto may = allowed("permitopen=\"db:5432\",permitopen=\"logs.*:*\",permitopen=\"@status:1\"");
  for (const auto* name : {"db", "@duplex"}) CHECK(may->may_open(name, 5432));
  CHECK_FALSE(may->may_open("db", 5433));
  CHECK_FALSE(may->may_open("dbx", 5432));
  CHECK_FALSE(may->may_open("d", 5432));
  for (const unsigned port : {0U, 1U, 65535U}) CHECK(may->may_open("logs.today", port));
  CHECK(may->may_open("logs.", 1));
  CHECK_FALSE(may->may_open("logs", 1));
  CHECK(may->may_open("@status", 1));
  CHECK_FALSE(may->may_open("@status", 2));
  CHECK_FALSE(may->may_open("@other", 1));
}

TEST_CASE("authorized keys: a star never stands for a leading @", "[authorized keys]") {
  const auto may = allowed("permitopen=\"*:*\",permitlisten=\"*:*\"");
  CHECK(may->may_open("x", 1));
  CHECK_FALSE(may->may_open("@x", 1));
  CHECK(may->may_listen("x", 1));
  CHECK_FALSE(may->may_listen("@x", 1));
}

TEST_CASE("authorized keys: restrict denies what is not listed", "[authorized keys]") {
  CHECK_FALSE(allowed("restrict")->may_open("echo", 1));
  CHECK(allowed("restrict")->may_open("@duplex", 1));
  const auto may = allowed("permitopen=\"echo:1\",restrict,permitlisten=\"web:*\"");
  CHECK(may->may_open("echo", 1));
  CHECK_FALSE(may->may_open("date", 1));
  CHECK(may->may_listen("web", 80));
}

TEST_CASE("authorized keys: permitlisten names what may be offered", "[authorized keys]") {
  const auto may = allowed("permitlisten=\"web:80\",permitlisten=\"@x:*\"");
  CHECK(may->may_listen("web", 80));
  CHECK_FALSE(may->may_listen("web", 81));
  CHECK(may->may_listen("@x", 1));
  CHECK_FALSE(may->may_listen("@duplex", 1));
  CHECK(may->may_open("echo", 1));
}

TEST_CASE("authorized keys: DUPLEX_PEER names what may be claimed", "[authorized keys]") {
  const auto may = allowed("environment=\"DUPLEX_PEER=hub\",environment=\"DUPLEX_PEER=hub.2\"");
  CHECK(may->names() == strings{"hub", "hub.2"});
  CHECK(may->may_claim("hub"));
  CHECK(may->may_claim("hub.2"));
  CHECK(may->may_claim(""));
  CHECK_FALSE(may->may_claim("hub."));
  CHECK_FALSE(may->may_claim("HUB"));
}

TEST_CASE("authorized keys: options are the same in capitals, and sshd's void ones change nothing",
          "[authorized keys]") {
  const auto may = allowed("No-PTY,no-X11-forwarding,no-agent-forwarding,NO-USER-RC,PermitOpen=\"a:1\"");
  CHECK(may->may_open("a", 1));
  CHECK_FALSE(may->may_open("b", 1));
}

TEST_CASE("authorized keys: an option that is unknown or wrong takes its line out", "[authorized keys]") {
  for (const auto& name : strings{"command", "cert-authority", "tunnel", "principals", "port-forwarding", "pty",
                                  "no-port-forwarding", "verify-required", "no-touch-required", "nonsense"}) {
    check_refused(name, "unknown option '" + name + "'");
    check_refused("restrict," + name + "=\"a, b\",no-pty", "unknown option '" + name + "'");
  }
  check_refused("permitopen=\"8080\"", "'8080' is not of the form name:port");
  check_refused("permitlisten=\"8080\"", "'8080' is not of the form name:port");
  for (const auto& port : strings{"", "0", "65536", "-1", "+1", "1 ", "0x1", "99999999999", "**", "1:2"})
    check_refused("permitopen=\"a:" + port + '"', "has no port of 1 to 65535 or *");
  for (const auto& name : strings{"", "a b", "a*b", "**", "*a", "a\\\"", "[::1]", std::string(256, 'a')})
    check_refused("permitopen=\"" + name + ":1\"", name == "[::1]" ? "no port" : "has no service name");
  check_refused("permitopen=\"@*:1\"", "listed without *");
  check_refused("permitopen=\"@dup*:1\"", "listed without *");
  check_refused("environment=\"PATH=/tmp\"", "only DUPLEX_PEER can be set");
  check_refused("environment=\"DUPLEX_PEERS=a\"", "only DUPLEX_PEER can be set");
  check_refused("environment=\"DUPLEX_PEER\"", "only DUPLEX_PEER can be set");
  check_refused("environment=\"DUPLEX_PEER=\"", "is no peer's name");
  check_refused("environment=\"DUPLEX_PEER=a b\"", "is no peer's name");
}

TEST_CASE("authorized keys: options that do not hold together take their line out", "[authorized keys]") {
  check_refused("permitopen=a:1", "takes a value in quotes");
  check_refused("permitopen", "takes a value in quotes");
  check_refused("restrict=\"yes\"", "something other than a comma follows");
  check_refused("restrict\"\"", "something other than a comma follows");
  check_refused("from=\"10.0.0.1\"x", "something other than a comma follows");
  check_refused(",restrict", "name is missing");
  check_refused("restrict,", "name is missing");
  check_refused("restrict,,no-pty", "name is missing");
  check_refused("\"restrict\"", "name is missing");
  // Neither quote closes: the key becomes a part of the value.
  for (const auto& open : strings{"from=\"10.0.0.1", "from=\"10.0.0.1\\\""}) {
    const auto keys = with(open);
    CHECK(keys.problems().size() == 1);
    CHECK(keys.admits_nobody());
  }
  // White space ends the options, so the key is not where it should be.
  CHECK(with("restrict, no-pty").admits_nobody());
}

TEST_CASE("authorized keys: a private key, a certificate and a NUL are told as such", "[authorized keys]") {
  const auto problem = [](std::string_view text) {
    const auto keys = authorized_keys::parse("f", text);
    REQUIRE_FALSE(keys.problems().empty());
    CHECK(keys.admits_nobody());
    return keys.problems()[0];
  };
  CHECK_THAT(problem(me().text()), Contains("that is a private key"));
  CHECK_THAT(problem("ssh-ed25519-cert-v01@openssh.com AAAA"), Contains("are not taken"));
  CHECK_THAT(problem("restrict ssh-dss AAAA"), Contains("ssh-dss are not taken"));
  CHECK_THAT(problem(me().public_line() + std::string("\0", 1)), Contains("NUL"));
  CHECK_THAT(problem("restrict \x1b[31m"), !Contains("\x1b"));
  CHECK(problem("x\x1b[31m" + std::string(5000, 'x') + ' ' + me().public_line()).size() < 600);
}

TEST_CASE("authorized keys: from= takes addresses, networks and wildcards", "[authorized keys]") {
  CHECK(admits("10.0.0.1", "10.0.0.1"));
  CHECK_FALSE(admits("10.0.0.1", "10.0.0.2"));
  CHECK_FALSE(admits("10.0.0.1", ""));
  CHECK_FALSE(admits("*", ""));
  CHECK_FALSE(admits("*", "host"));
  CHECK(admits("10.0.0.0/8", "10.255.255.255"));
  CHECK_FALSE(admits("10.0.0.0/8", "11.0.0.0"));
  CHECK(admits("10.0.0.128/25", "10.0.0.128"));
  CHECK_FALSE(admits("10.0.0.128/25", "10.0.0.127"));
  CHECK(admits("0.0.0.0/0", "1.2.3.4"));
  CHECK_FALSE(admits("0.0.0.0/0", "::1"));
  CHECK(admits("::/0", "::1"));
  CHECK_FALSE(admits("::/0", "1.2.3.4"));
  CHECK(admits("10.0.0.1/32", "10.0.0.1"));
  CHECK(admits("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(admits("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(admits("2001:DB8::1/128", "2001:db8:0::1"));
  CHECK(admits("10.0.?.*", "10.0.1.77"));
  CHECK_FALSE(admits("10.0.?.*", "10.0.11.77"));
  CHECK(admits("2001:DB8:*", "2001:db8::1"));
  CHECK(admits("fe80*", "fe80::1%eth0"));
  CHECK(admits("fe80::/10", "fe80::1%eth0"));
  CHECK(admits("192.168.0.1,10.0.0.1", "10.0.0.1"));
}

TEST_CASE("authorized keys: a negated match of from= refuses whatever else matches", "[authorized keys]") {
  for (const auto& list : strings{"10.0.0.0/8,!10.0.0.13", "!10.0.0.13,10.0.0.0/8", "*,!10.0.0.12/31", "*,!*.13"}) {
    CHECK(admits(list, "10.0.0.1"));
    CHECK_FALSE(admits(list, "10.0.0.13"));
  }
  CHECK_FALSE(admits("!10.0.0.13", "10.0.0.1"));
}

TEST_CASE("authorized keys: from= takes an IPv4 address within IPv6 for the IPv4 address", "[authorized keys]") {
  CHECK(admits("10.0.0.0/8", "::ffff:10.0.0.1"));
  CHECK(admits("10.0.*", "::ffff:10.0.0.1"));
  CHECK(admits("::ffff:10.0.0.1", "10.0.0.1"));
  CHECK(admits("::ffff:10.0.0.0/104", "10.9.9.9"));
  CHECK_FALSE(admits("::/0", "::ffff:10.0.0.1"));
  CHECK_FALSE(admits("*,!::ffff:10.0.0.1", "10.0.0.1"));
  CHECK_FALSE(admits("*,!::ffff:*", "::ffff:10.0.0.1"));
  CHECK(admits("*,!::ffff:*", "10.0.0.1"));
}

TEST_CASE("authorized keys: from= with anything else takes its line out", "[authorized keys]") {
  for (const auto& name : strings{"example.org", "*.example.org", "localhost", "cafe.be", "*.cafe.be", "10.0.0", "1",
                                  "010.0.0.1", " 10.0.0.1", "10.0.0.1 ", "10.0.0.1\\\"", "fe80::1%eth0", "10.0.*/8"})
    check_refused("from=\"" + name + '"', "names are never resolved here");
  for (const auto& name : strings{"", ",", "10.0.0.1,", "!", "10.0.0.1,,10.0.0.2"})
    check_refused("from=\"" + name + '"', "an address is missing");
  for (const auto& network : strings{"10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/ 8",
                                     "::ffff:0.0.0.0/95", "10.0.0.0/99999999999"})
    check_refused("from=\"" + network + '"', "has a prefix that its address has not");
  for (const auto& network : strings{"10.0.0.1/8", "10.0.0.1/0", "2001:db8::1/127", "::1/0"})
    check_refused("from=\"" + network + '"', "has bits set beyond its prefix");
  check_refused("from=\"10.0.0.1\",from=\"10.0.0.1\"", "it stands twice");
}

TEST_CASE("authorized keys: a key counts up to its expiry-time", "[authorized keys]") {
  const auto end = at(1709164800);  // 2024-02-29 00:00:00 UTC
  for (const auto& text : strings{"20240229Z", "202402290000Z", "20240229000000Z"}) {
    const auto keys = with("expiry-time=\"" + text + '"');
    CHECK(check(keys, "", end - std::chrono::nanoseconds{1}).allowed);
    const auto late = check(keys, "", end);
    CHECK_FALSE(late.allowed);
    CHECK_THAT(late.why, Contains("f:1 holds it, but its expiry-time " + text + " has passed"));
    CHECK(keys.next_expiry(end - std::chrono::seconds{1}) == end);
    CHECK_FALSE(keys.next_expiry(end));
  }
  CHECK(check(with("expiry-time=\"20240228235959Z\""), "", end - std::chrono::milliseconds{1001}).allowed);
  CHECK_FALSE(check(with("expiry-time=\"20240228235959Z\""), "", end - std::chrono::seconds{1}).allowed);
}

TEST_CASE("authorized keys: expiry-time is local without Z", "[authorized keys]") {
  const variable zone{"TZ", "XYZ-3"};
  ::tzset();
  const auto keys = with("expiry-time=\"20240229\"");
  CHECK(keys.next_expiry({}) == at(1709164800 - 3 * 3600));
}

TEST_CASE("authorized keys: the earliest expiry-time counts, and one beyond the clock is its end",
          "[authorized keys]") {
  CHECK(with("expiry-time=\"99991231Z\"").next_expiry({}) == time_point::max());
  CHECK(with("expiry-time=\"99991231\"").next_expiry({}) == time_point::max());
  for (const auto& two : strings{"expiry-time=\"20240229Z\",expiry-time=\"20300101Z\"",
                                 "expiry-time=\"20300101Z\",expiry-time=\"20240229Z\""})
    CHECK(with(two).next_expiry({}) == at(1709164800));
  const auto line = ' ' + me().public_line() + '\n';
  const auto keys = authorized_keys::parse("f", "expiry-time=\"20300101Z\"" + line + "expiry-time=\"20240229Z\"" +
                                                    line + "command=\"x\",expiry-time=\"20200101Z\"" + line);
  CHECK(keys.next_expiry({}) == at(1709164800));
  CHECK(keys.next_expiry(at(1709164800)) == at(1893456000));
}

TEST_CASE("authorized keys: an expiry-time that is no time takes its line out", "[authorized keys]") {
  for (const auto& text : strings{"", "2024", "2024022", "202402290", "2024022900000", "20240229z", "2024-02-29",
                                  "tomorrow", "20240229ZZ", "Z", " 20240229", "202402290000000"})
    check_refused("expiry-time=\"" + text + '"', "is not of the form YYYYMMDD[HHMM[SS]][Z]");
  for (const auto& text : strings{"20241301", "20240001", "20240100", "20240132", "20230229", "202401012400",
                                  "202401010060", "20240101000060", "19691231", "00000101"})
    check_refused("expiry-time=\"" + text + '"', "is no time from 1970 on");
}

TEST_CASE("authorized keys: of several lines with a key the first that admits it counts", "[authorized keys]") {
  const auto line = ' ' + me().public_line() + '\n';
  const auto keys = authorized_keys::parse("f", "from=\"10.0.0.1\",permitopen=\"a:1\"" + line +
                                                    "expiry-time=\"20240229Z\",permitopen=\"b:1\"" + line +
                                                    "command=\"x\"" + line + "permitopen=\"c:1\"" + line);
  CHECK(check(keys, "10.0.0.1").why == "f:1");
  CHECK(check(keys, "10.0.0.2").may->may_open("b", 1));
  const auto last = check(keys, "10.0.0.2", at(1709164800));
  CHECK(last.why == "f:4");
  CHECK(last.may->may_open("c", 1));
  const auto none = authorized_keys::parse("f", "from=\"10.0.0.1\"" + line + "command=\"x\"" + line);
  CHECK_THAT(check(none, "10.0.0.2").why, Contains("f:1 holds it") && !Contains("command"));
}
