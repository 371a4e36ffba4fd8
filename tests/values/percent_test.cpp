// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/percent.hpp>

#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <vector>

using namespace duplex;
using strings = std::vector<std::string>;

namespace {

// Mostly the characters that mean something, so that malformed forms are common.
std::string random_text(std::mt19937& random, bool with_nul) {
  static constexpr std::string_view special = "%%%;;=0F7aG\x01\x7f\xff";
  std::string text(random() % 12, '\0');
  for (auto& c : text) c = random() % 4 != 0 ? special[random() % special.size()] : static_cast<char>(random() % 256);
  if (!with_nul) std::erase(text, '\0');
  return text;
}

}  // namespace

TEST_CASE("percent: every byte but NUL comes back", "[percent]") {
  std::string all;
  for (int c = 1; c < 256; ++c) {
    const std::string one(1, static_cast<char>(c));
    CHECK(percent_decode(percent_encode(one)) == one);
    all += one;
  }
  CHECK(percent_decode(percent_encode(all)) == all);
}

TEST_CASE("percent: control characters, DEL, percent and semicolon are encoded, nothing else", "[percent]") {
  for (int c = 0; c < 256; ++c) {
    const std::string one(1, static_cast<char>(c));
    const bool encoded = c < 0x20 || c == 0x7f || c == '%' || c == ';';
    INFO(c);
    CHECK(percent_encode(one).size() == (encoded ? 3U : 1U));
  }
  CHECK(percent_encode("a=b;100%\n\x7f") == "a=b%3B100%25%0A%7F");
  CHECK(percent_encode("").empty());
}

TEST_CASE("percent: hexadecimal digits of both cases are read", "[percent]") {
  CHECK(percent_decode("%3b%3B%41%fF") == ";;A\xff");
  CHECK(percent_decode("%2541") == "%41");  // decoded once
  CHECK(percent_decode("") == "");
}

TEST_CASE("percent: malformed forms are refused", "[percent]") {
  for (const auto* text : {"%", "%4", "a%", "a%4", "%G1", "%1G", "%%41", "% 1", "%+1", "%-1", "%0x", "%41%"}) {
    INFO(text);
    CHECK_FALSE(percent_decode(text));
    CHECK_FALSE(decode_list(std::string{text} + ";"));
  }
}

TEST_CASE("percent: a NUL is refused, encoded or not", "[percent]") {
  CHECK_FALSE(percent_decode("a%00b"));
  CHECK_FALSE(percent_decode(std::string_view("a\0b", 3)));
  CHECK_FALSE(decode_list("a;%00;"));
  CHECK(percent_encode(std::string_view("\0", 1)) == "%00");
}

TEST_CASE("percent: a list keeps order, duplicates and empty items", "[percent]") {
  const strings items{"b=2", "a=1", "", "b=2", "x;y%z\n", ""};
  CHECK(encode_list(items) == "b=2;a=1;;b=2;x%3By%25z%0A;;");
  CHECK(decode_list(encode_list(items)) == items);
  CHECK(encode_list({}).empty());
  CHECK(decode_list("") == strings{});
  CHECK(decode_list(";") == strings{""});
}

TEST_CASE("percent: a list whose last item lacks its end is refused", "[percent]") {
  CHECK_FALSE(decode_list("a"));
  CHECK_FALSE(decode_list("a;b"));
  CHECK_FALSE(decode_list("a;%4"));
  CHECK_FALSE(decode_list("a;%3B"));
}

TEST_CASE("percent: any items come back from their list", "[percent]") {
  std::mt19937 random{2259};
  for (int round = 0; round < 20'000; ++round) {
    strings items(random() % 5);
    for (auto& item : items) item = random_text(random, false);
    REQUIRE((decode_list(encode_list(items)) == items));
  }
}

TEST_CASE("percent: any text decodes to a value without NUL, or to nothing", "[percent]") {
  std::mt19937 random{2259};
  int taken = 0;
  for (int round = 0; round < 50'000; ++round) {
    const auto text = random_text(random, true);
    if (const auto value = percent_decode(text)) {
      ++taken;
      REQUIRE(value->find('\0') == std::string::npos);
      REQUIRE(percent_decode(percent_encode(*value)) == value);
    }
    if (const auto items = decode_list(text)) REQUIRE((decode_list(encode_list(*items)) == items));
  }
  CHECK(taken > 1000);  // both outcomes were seen
  CHECK(taken < 49'000);
}

TEST_CASE("percent: find_value gives the first value of a whole key", "[percent]") {
  const strings items{"lang", "language=no", "lang=en", "lang=de", "empty=", "twice=a=b", "=nameless"};
  CHECK(find_value(items, "lang") == "en");
  CHECK(find_value(items, "empty") == "");
  CHECK(find_value(items, "twice") == "a=b");
  CHECK(find_value(items, "") == "nameless");
  CHECK_FALSE(find_value(items, "lan"));
  CHECK_FALSE(find_value(items, "Lang"));
  CHECK_FALSE(find_value({}, "lang"));
}
