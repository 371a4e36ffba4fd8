// SPDX-License-Identifier: BSD-2-Clause
// The forms are vectors of docs/protocol.md (protocol_test.cpp); here is what takes more than a line.
#include "transport/open_record.hpp"

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

using namespace duplex;
using namespace duplex::transport;
using strings = std::vector<std::string>;

namespace {

constexpr std::uint64_t limit = 32 << 10;

open_record round_trip(const open_record& sent) {
  auto got = open_record::decode(sent.encode(), limit);
  REQUIRE(got);
  return std::move(*got);
}

}  // namespace

TEST_CASE("open record: every byte but NUL travels in a header", "[open record]") {
  std::string all;
  for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
  CHECK((round_trip({1, std::nullopt, {all}}).headers == strings{all}));
}

TEST_CASE("open record: order, duplicates and empty headers are kept", "[open record]") {
  const strings headers{"b=2", "", "a=1", "b=2", "no equals sign", "b=1", ""};
  CHECK((round_trip({1, std::nullopt, headers}).headers == headers));
}

TEST_CASE("open record: a header that looks like a field is a header", "[open record]") {
  const strings headers{"id=9", "parent=c9", "duplex/1", ";"};
  const auto got = round_trip({3, channel_id{side::acceptor, 4}, headers});
  CHECK(got.id == 3);
  CHECK((got.parent == channel_id{side::acceptor, 4}));
  CHECK((got.headers == headers));
}

TEST_CASE("open record: a NUL in a header is refused by the receiver", "[open record]") {
  const open_record sent{1, std::nullopt, {std::string("a\0b", 3)}};
  CHECK(sent.encode().find('\0') == std::string::npos);  // it would end libssh's C string
  CHECK(open_record::decode(sent.encode(), limit).error().code() == errc::malformed);
}

TEST_CASE("open record: the limit counts every byte of it", "[open record]") {
  open_record record{1, std::nullopt, {std::string(100, 'x')}};
  const auto text = record.encode();
  CHECK(open_record::decode(text, text.size()));
  const auto over = open_record::decode(text, text.size() - 1);
  CHECK(over.error().code() == errc::resource_exhausted);
  CHECK_THAT(over.error().context(), Catch::Contains(std::to_string(text.size()) + " bytes") &&
                                         Catch::Contains(std::to_string(text.size() - 1)) &&
                                         Catch::Contains("max_open_record"));
}

TEST_CASE("open record: the limit comes before the grammar", "[open record]") {
  const std::string text = "duplex/1;" + std::string(40'000, '%');
  CHECK(open_record::decode(text, limit).error().code() == errc::resource_exhausted);
}

TEST_CASE("open record: a stock client's address is no record", "[open record]") {
  for (const auto* originator :
       {"127.0.0.1", "::1", "localhost", "", "duplex", "Duplex/1;id=1;;", " duplex/1;id=1;;"}) {
    INFO(originator);
    CHECK_FALSE(open_record::is_record(originator));
    CHECK(open_record::decode(originator, limit).error().code() == errc::malformed);
  }
}

TEST_CASE("open record: every part of a record cut short is refused or shorter, never more", "[open record]") {
  const auto whole = open_record{7, channel_id{side::dialler, 3}, {"lang=en", "a;b"}}.encode();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto got = open_record::decode(std::string_view{whole}.substr(0, size), limit);
    if (got) CHECK(got->headers.size() < 2);
  }
}

TEST_CASE("open record: whatever arrives is taken or refused, and what is taken comes back", "[open record]") {
  const strings corpus{
      open_record{0, std::nullopt, {}}.encode(),
      open_record{1, std::nullopt, {"lang=en"}}.encode(),
      open_record{18446744073709551615U, channel_id{side::acceptor, 18446744073709551615U}, {"", "a;b%\x7f"}}.encode(),
      open_record{7, channel_id{side::dialler, 3}, strings(20, "header=value")}.encode(),
      "duplex/2;id=1;;",
      "127.0.0.1",
  };
  static constexpr std::string_view bytes = ";;;%%=0123456789cspid/\0\xff";
  std::mt19937 random{4};
  std::size_t accepted = 0;
  for (int i = 0; i < 100'000; ++i) {
    auto text = corpus[random() % corpus.size()];
    for (auto edits = random() % 4; edits != 0; --edits) {
      const auto at = random() % (text.size() + 1);
      const char c = bytes[random() % bytes.size()];
      switch (random() % 4) {
        case 0:
          text.insert(at, 1, c);
          break;
        case 1:
          text.erase(at, random() % 4);
          break;
        case 2:
          text.insert(at, text.substr(random() % (text.size() + 1), random() % 12));
          break;
        default:
          if (at < text.size()) text[at] = c;
      }
    }
    const auto got = open_record::decode(text, limit);
    if (!got) {
      REQUIRE(got.error().code() == errc::malformed);
      continue;
    }
    ++accepted;
    const auto again = open_record::decode(got->encode(), limit);
    REQUIRE(again);
    REQUIRE(again->id == got->id);
    REQUIRE((again->parent == got->parent));
    REQUIRE((again->headers == got->headers));
  }
  CHECK(accepted > 10'000);
  CHECK(accepted < 90'000);
}
