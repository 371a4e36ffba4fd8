// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/options.hpp>

#include <catch2/catch.hpp>

#include <set>

using namespace duplex;
using namespace std::chrono_literals;

namespace {

struct setting {
  const char* name;
  const char* value;
  const char* stored;
};

struct refusal {
  const char* name;
  const char* value;
  const char* range;
};

}  // namespace

TEST_CASE("options: every name can be got, and set to what was got", "[options]") {
  options of{.name = "hub",
             .identity = "/id",
             .authorized_keys = "ssh-ed25519 AAAA me\n",
             .host_key = "SHA256:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"};
  std::set<std::string_view> seen;
  for (const auto name : option_names()) {
    INFO(name);
    CHECK(seen.insert(name).second);
    const auto value = get_option(of, name);
    REQUIRE(value);
    CHECK(set_option(of, name, *value));
    CHECK(*get_option(of, name) == *value);
    options fresh;
    CHECK(set_option(fresh, name, *value));
    CHECK(*get_option(fresh, name) == *value);
  }
  CHECK(seen.size() == 29);  // the struct's fields without `log` and `passphrase`; a new field needs its row
}

TEST_CASE("options: a mask is octal, and a list of users holds names and numbers", "[options]") {
  options of;
  for (const auto* mask : {"0", "7", "0177", "777", "0777"}) CHECK(set_option(of, "stream_local_bind_mask", mask));
  for (const auto* mask : {"", "8", "1777", "00177", "0x1", "-1", "rw"})
    CHECK(set_option(of, "stream_local_bind_mask", mask).error().code() == errc::invalid_argument);
  for (const auto* users : {"", "root", "root 33", "root,www-data, 33"}) CHECK(set_option(of, "allow_users", users));
  for (const auto* users : {"ro ot;", "a:b", "*"})
    CHECK(set_option(of, "allow_users", users).error().code() == errc::invalid_argument);
  of.allow_users = "!";
  CHECK_FALSE(validate(of));
}

TEST_CASE("options: a name stands for the field of that name", "[options]") {
  options of;
  REQUIRE(set_option(of, "name", "hub"));
  REQUIRE(set_option(of, "max_frame", "1M"));
  REQUIRE(set_option(of, "accept_queue", "0"));
  REQUIRE(set_option(of, "open_timeout", "2m"));
  REQUIRE(set_option(of, "linger", "0ms"));
  REQUIRE(set_option(of, "host_key_policy", "accept_new"));
  REQUIRE(set_option(of, "identity_agent", "SSH_AUTH_SOCK"));
  CHECK(of.name == "hub");
  CHECK(of.max_frame == 1U << 20);
  CHECK(of.accept_queue == 0);
  CHECK(of.open_timeout == 2min);
  CHECK(of.linger == 0ms);
  CHECK(of.host_key_policy == "accept_new");
  CHECK(of.identity_agent == "SSH_AUTH_SOCK");
  REQUIRE(set_option(of, "name", ""));
  CHECK(of.name.empty());
}

TEST_CASE("options: units are read", "[options]") {
  for (const auto& [name, value, stored] :
       {setting{"max_frame", "1", "1"}, setting{"max_frame", "3K", "3072"}, setting{"max_frame", "2M", "2097152"},
        setting{"max_frame", "1G", "1073741824"}, setting{"rekey_limit", "64G", "68719476736"},
        setting{"linger", "250ms", "250ms"}, setting{"linger", "3s", "3000ms"}, setting{"linger", "2m", "120000ms"},
        setting{"linger", "24h", "86400000ms"}}) {
    INFO(name << "=" << value);
    options of;
    REQUIRE(set_option(of, name, value));
    CHECK(*get_option(of, name) == stored);
  }
}

TEST_CASE("options: a refused value is answered with option, value and range, and changes nothing", "[options]") {
  for (const auto& [name, value, range] :
       {refusal{"max_frame", "0", "1 to 1073741824"},
        refusal{"max_frame", "1073741825", "1 to 1073741824"},
        refusal{"max_frame", "2G", "1 to 1073741824"},
        refusal{"max_frame", "", "K, M or G may follow"},
        refusal{"max_frame", "-1", "1 to"},
        refusal{"max_frame", "+1", "1 to"},
        refusal{"max_frame", "1.5M", "1 to"},
        refusal{"max_frame", "1k", "K, M or G"},
        refusal{"max_frame", "1 K", "1 to"},
        refusal{"max_frame", "1s", "1 to"},
        refusal{"max_frame", "99999999999G", "1 to"},
        refusal{"max_frame", "18446744073709551615", "1 to"},
        refusal{"max_frame", "18446744073709551616", "1 to"},
        refusal{"max_channels", "0", "1 to 100000"},
        refusal{"max_open_record", "63", "64 to 200000"},
        refusal{"linger", "5", "ms, s, m or h"},
        refusal{"linger", "25h", "0ms to 86400000ms"},
        refusal{"linger", "-1s", "0ms to"},
        refusal{"linger", "1K", "0ms to"},
        refusal{"linger", "9223372036854775807h", "0ms to"},
        refusal{"alive_interval", "0ms", "1ms to"},
        refusal{"name", "a b", "1 to 255"},
        refusal{"host_key", "MD5:00", "SHA256:"},
        refusal{"host_key", "SHA256:abc", "43 characters"},
        refusal{"host_key", "SHA256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=", "43"},
        refusal{"host_key_policy", "accept-new", "strict or accept_new"},
        refusal{"host_key_policy", "", "strict or accept_new"}}) {
    INFO(name << "=" << value);
    options of;
    const auto before = *get_option(of, name);
    const auto set = set_option(of, name, value);
    REQUIRE_FALSE(set);
    CHECK(set.error().code() == errc::invalid_argument);
    CHECK_THAT(set.error().message(), Catch::Contains("'" + std::string{name} + "'") &&
                                          Catch::Contains("'" + std::string{value} + "'") && Catch::Contains(range));
    CHECK(*get_option(of, name) == before);
  }
}

TEST_CASE("options: an unknown name is answered with the names there are", "[options]") {
  options of;
  for (const auto* name : {"", "max_frames", "MaxStartups", "log", "passphrase"}) {
    CHECK(get_option(of, name).error().code() == errc::not_found);
    const auto set = set_option(of, name, "1");
    CHECK(set.error().code() == errc::not_found);
    for (const auto known : option_names()) CHECK_THAT(set.error().message(), Catch::Contains(std::string{known}));
  }
}

TEST_CASE("options: the defaults are valid", "[options]") { CHECK(validate({})); }

TEST_CASE("options: validate refuses fields out of range and names them", "[options]") {
  const auto named = [](const options& of) { return validate(of).error().message(); };
  CHECK_THAT(named({.name = "a b"}), Catch::Contains("'name'") && Catch::Contains("'a b'"));
  CHECK_THAT(named({.host_key = "x"}), Catch::Contains("'host_key'"));
  CHECK_THAT(named({.host_key_policy = "ask"}), Catch::Contains("'host_key_policy'") && Catch::Contains("'ask'"));
  CHECK_THAT(named({.max_frame = 0}), Catch::Contains("'max_frame'"));
  CHECK_THAT(named({.open_timeout = 0ms}), Catch::Contains("'open_timeout'"));
  CHECK_THAT(named({.linger = -5ms}), Catch::Contains("'linger'") && Catch::Contains("'-5ms'"));
  CHECK_THAT(named({.linger = std::chrono::milliseconds::max()}), Catch::Contains("'linger'"));
}

TEST_CASE("options: validate compares fields that belong together", "[options]") {
  CHECK(validate({.send_high_water = 10, .send_low_water = 10}));
  const auto water = validate({.send_high_water = 10, .send_low_water = 11});
  CHECK(water.error().code() == errc::invalid_argument);
  CHECK_THAT(water.error().message(), Catch::Contains("send_low_water") && Catch::Contains("send_high_water"));
  CHECK(validate({.reconnect_delay = 1s, .reconnect_delay_max = 1s}));
  const auto delay = validate({.reconnect_delay = 2s, .reconnect_delay_max = 1s});
  CHECK(delay.error().code() == errc::invalid_argument);
  CHECK_THAT(delay.error().message(), Catch::Contains("reconnect_delay") && Catch::Contains("reconnect_delay_max"));
}

TEST_CASE("options: names of peers and services", "[options]") {
  for (const auto* name : {"a", "echo", "A.b_c/d@e-9", "@duplex"}) CHECK(is_valid_name(name));
  CHECK(is_valid_name(std::string(255, 'a')));
  CHECK_FALSE(is_valid_name(std::string(256, 'a')));
  for (const auto* name : {"", " ", "a b", "a;b", "a%", "a:1", "*", "\xc3\xa9", "a\n"})
    CHECK_FALSE(is_valid_name(name));
  CHECK_FALSE(is_valid_name(std::string_view("a\0", 2)));
}
