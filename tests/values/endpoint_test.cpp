// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/endpoint.hpp>

#include <catch2/catch.hpp>

#include <random>
#include <string>

using duplex::endpoint;
using duplex::errc;
using kind = endpoint::kind;

namespace {

struct good_form {
  const char* text;
  kind type;
  const char* target;
  std::uint16_t number;
};

struct typo {
  const char* text;
  const char* why;
};

}  // namespace

TEST_CASE("endpoint: every form is read and written back", "[endpoint]") {
  for (const auto& form :
       {good_form{"tcp://127.0.0.1:2259", kind::tcp, "127.0.0.1", 2259},
        good_form{"tcp://hub.example.org:0", kind::tcp, "hub.example.org", 0},
        good_form{"tcp://localhost:65535", kind::tcp, "localhost", 65535},
        good_form{"tcp://[::1]:2259", kind::tcp, "::1", 2259},
        good_form{"tcp://[fe80::1%eth0]:22", kind::tcp, "fe80::1%eth0", 22},
        good_form{"tcp://[::ffff:1.2.3.4]:1", kind::tcp, "::ffff:1.2.3.4", 1},
        good_form{"unix:///run/hub.sock", kind::unix_socket, "/run/hub.sock", 0},
        good_form{"inproc://hub", kind::inproc, "hub", 0},
        good_form{"exec:ssh -q host 'duplex serve; true'", kind::exec, "ssh -q host 'duplex serve; true'", 0},
        good_form{"stdio:", kind::stdio, "", 0}, good_form{"fd:0", kind::fd, "", 0},
        good_form{"fd:17", kind::fd, "", 17}}) {
    INFO(form.text);
    const auto at = endpoint::parse(form.text);
    REQUIRE(at);
    CHECK(at->type() == form.type);
    CHECK(at->target() == form.target);
    CHECK(at->number() == form.number);
    CHECK(at->str() == form.text);
  }
}

TEST_CASE("endpoint: tcp makes what parse reads", "[endpoint]") {
  CHECK(endpoint::tcp("::1", 80).str() == "tcp://[::1]:80");
  CHECK(*endpoint::parse("tcp://[::1]:80") == endpoint::tcp("::1", 80));
  CHECK(*endpoint::parse("tcp://a:80") == endpoint::tcp("a", 80));
  CHECK(endpoint::tcp("a", 80) != endpoint::tcp("a", 81));
  CHECK(endpoint::tcp("a", 80) != endpoint::tcp("b", 80));
}

TEST_CASE("endpoint: a typo is answered with the text, the reason and the right forms", "[endpoint]") {
  for (const auto& [text, why] : {
           typo{"", "no known kind"},
           typo{"hub", "no known kind"},
           typo{"127.0.0.1:2259", "no known kind"},
           typo{"tcp:127.0.0.1:2259", "no known kind"},
           typo{"tcp:/127.0.0.1:2259", "no known kind"},
           typo{"TCP://a:1", "no known kind"},
           typo{"tpc://a:1", "no known kind"},
           typo{" tcp://a:1", "no known kind"},
           typo{"unix:/run/hub", "no known kind"},
           typo{"stdio", "no known kind"},
           typo{"stdio:x", "no known kind"},
           typo{"tcp://", "has no port"},
           typo{"tcp://a", "has no port"},
           typo{"tcp://[::1]", "has no port"},
           typo{"tcp://a:", "no port between 0 and 65535"},
           typo{"tcp://a:65536", "no port between 0 and 65535"},
           typo{"tcp://a:-1", "no port between 0 and 65535"},
           typo{"tcp://a:+1", "no port between 0 and 65535"},
           typo{"tcp://a: 1", "no port between 0 and 65535"},
           typo{"tcp://a:1x", "no port between 0 and 65535"},
           typo{"tcp://a:1/", "no port between 0 and 65535"},
           typo{"tcp://a:ssh", "no port between 0 and 65535"},
           typo{"tcp://:1", "has no host"},
           typo{"tcp://::1:80", "IPv6 address without brackets"},
           typo{"tcp://[::1:80", "lacks the ']'"},
           typo{"tcp://[::1]x:80", "lacks the ']'"},
           typo{"tcp://[]:80", "brackets without an IPv6 address"},
           typo{"tcp://[hub]:80", "brackets without an IPv6 address"},
           typo{"tcp://[::1]]:80", "a bracket"},
           typo{"tcp://[[::1]:80", "a bracket"},
           typo{"tcp://]:80", "a bracket"},
           typo{"tcp://me@hub:80", "'@'"},
           typo{"tcp://hub/x:80", "'/'"},
           typo{"tcp:///hub:80", "'/'"},
           typo{"tcp://a b:80", "a blank"},
           typo{"unix://run/hub", "no absolute path"},
           typo{"unix://", "no absolute path"},
           typo{"inproc://", "has no name"},
           typo{"exec:", "has no command"},
           typo{"exec:  ", "has no command"},
           typo{"fd:", "no descriptor's number"},
           typo{"fd:-1", "no descriptor's number"},
           typo{"fd:x", "no descriptor's number"},
           typo{"fd:3 ", "no descriptor's number"},
       }) {
    INFO(text);
    const auto at = endpoint::parse(text);
    REQUIRE_FALSE(at);
    CHECK(at.error().code() == errc::invalid_argument);
    const auto message = at.error().message();
    CHECK_THAT(message, Catch::Contains("'" + std::string{text} + "'") && Catch::Contains(why));
    for (const auto* form :
         {"tcp://host:port", "tcp://[ipv6]:port", "unix:///path", "inproc://name", "exec:command", "stdio:", "fd:N"})
      CHECK_THAT(message, Catch::Contains(form));
  }
}

TEST_CASE("endpoint: a unix path is as long as the system takes, not longer", "[endpoint]") {
  CHECK(endpoint::parse("unix:///" + std::string(106, 'a')));
  CHECK_THAT(endpoint::parse("unix:///" + std::string(107, 'a')).error().message(), Catch::Contains("107 bytes"));
}

TEST_CASE("endpoint: a control character is refused and kept out of the message", "[endpoint]") {
  for (const std::string text : {"tcp://a\n:1", "unix:///a\rb", "exec:a\tb", "inproc://\x1b[2J"}) {
    const auto at = endpoint::parse(text);
    REQUIRE_FALSE(at);
    CHECK_THAT(at.error().message(), Catch::Contains("control character") && !Catch::Contains(text));
  }
  CHECK_FALSE(endpoint::parse(std::string_view("unix:///a\0b", 11)));
}

TEST_CASE("endpoint: what parse takes, str writes so that it comes back", "[endpoint]") {
  std::mt19937 random{2259};
  const std::string_view letters = "tcp:/[]%@. 19ax";
  for (int round = 0; round < 50'000; ++round) {
    std::string text{random() % 4 != 0 ? "tcp://" : "unix://"};
    for (auto n = random() % 12; n > 0; --n) text += letters[random() % letters.size()];
    if (const auto at = endpoint::parse(text)) REQUIRE((*endpoint::parse(at->str()) == *at));
  }
}
