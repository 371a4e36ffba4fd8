// SPDX-License-Identifier: BSD-2-Clause
// What a hostile peer may send: nothing but codec_error comes of it, and no memory is taken for a promise.
#include <duplex/rpc/codec/cereal.hpp>

#include <catch2/catch.hpp>

#include <random>

#include "tests/rpc/codec_types.hpp"

using namespace duplex;
using Catch::Matchers::Contains;
using namespace std::string_literals;

namespace {

struct big {
  std::array<std::int64_t, 100> values{};
};

template <class T> T read(const rpc::codec& by, std::string_view in, const rpc::codec_limits& limits = {}) {
  T value{};
  rpc::decode(in, by, rpc::ops_of<T, rpc::cereal>(), &value, limits, nullptr);
  return value;
}

template <class T> std::string write(const rpc::codec& by, const T& value) {
  std::string out;
  rpc::encode(out, by, rpc::ops_of<T, rpc::cereal>(), &value, nullptr);
  return out;
}

template <class T> std::string fails(const rpc::codec& by, std::string_view in, const rpc::codec_limits& limits = {}) {
  return demo::error_of([&] { read<T>(by, in, limits); });
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  while (times-- > 0) all += text;
  return all;
}

std::vector<rpc::codec_ptr> all() {
  auto codecs = demo::token_codecs();
  codecs.push_back(rpc::cereal_codec());
  return codecs;
}

}  // namespace

TEST_CASE("codec: a length that was only announced takes no memory", "[rpc]") {
  using ints = std::vector<std::vector<std::int32_t>>;
  for (const auto& bomb : {"\xdd\xff\xff\xff\xf0"s, "\xdc\xff\xff"s})
    CHECK_THAT(fails<ints>(*rpc::msgpack(), bomb), Contains("announces"));
  CHECK_THAT(fails<ints>(*rpc::cbor(), "\x9b\xff\xff\xff\xff\xff\xff\xff\xff"s), Contains("announces"));
  CHECK_THAT(fails<ints>(*rpc::cereal_codec(), "\x01\0\0\0\0\0\0\0\x70"s), Contains("announces"));
  for (const auto& bomb : {"\xdb\xff\xff\xff\xff"s, "\xc6\xff\xff\xff\xff"s}) {
    CHECK_THAT(fails<std::vector<std::byte>>(*rpc::msgpack(), bomb), Contains("ends early"));
    CHECK_THAT(fails<std::string>(*rpc::msgpack(), "\xdb\xff\xff\xff\xff"s), Contains("ends early"));
  }
  CHECK_THAT(fails<std::string>(*rpc::cbor(), "\x7b\xff\xff\xff\xff\xff\xff\xff\xff"s), Contains("ends early"));
  using map = std::map<std::string, std::string>;
  CHECK_THAT(fails<map>(*rpc::msgpack(), "\xdf\xff\xff\xff\xff"s), Contains("announces"));
  CHECK_THAT(fails<map>(*rpc::cbor(), "\xbb\xff\xff\xff\xff\xff\xff\xff\xff"s), Contains("announces"));
}

TEST_CASE("codec: a nesting bomb is refused, also in a field nobody reads", "[rpc]") {
  const std::size_t levels = 1'000'000;
  const auto packed = repeated("\x91", levels), cbor = repeated("\x81", levels), text = repeated("[", levels);
  const auto endless = repeated("\x9f", levels);
  for (const auto& bomb : {packed, "\x81\xa7unknown"s + packed})
    CHECK_THAT(fails<demo::point>(*rpc::msgpack(), "\x81\xa7unknown"s + bomb), Contains("nested deeper than 64"));
  CHECK_THAT(fails<demo::point>(*rpc::cbor(), "\xa1\x67unknown"s + cbor), Contains("nested deeper than 64"));
  CHECK_THAT(fails<demo::point>(*rpc::cbor(), "\xa1\x67unknown"s + endless), Contains("nested deeper than 64"));
  CHECK_THAT(fails<demo::task>(*rpc::cbor(), "\xa1\x67unknown"s + cbor), Contains("nested deeper than 64"));
  CHECK_THAT(fails<demo::point>(*rpc::json(), R"({"unknown":)" + text), Contains("nested deeper than 64"));
  CHECK_THAT(fails<demo::tree>(*rpc::msgpack(), repeated("\x81\xa4kids\x91", levels)),
             Contains("nested deeper than 64"));
  const auto child = "\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0"s;  // no name, one child
  CHECK_THAT(fails<demo::tree>(*rpc::cereal_codec(), "\x01" + repeated(child, levels)),
             Contains("nested deeper than 64"));
  CHECK_THAT(demo::error_of([&] { rpc::to_json(packed); }), Contains("nested deeper"));
}

TEST_CASE("codec: few bytes do not become much memory", "[rpc]") {
  using boxes = std::vector<std::optional<big>>;
  const std::string nils(500'000, '\xc0');
  CHECK_THAT(fails<boxes>(*rpc::msgpack(), "\xdd\x00\x07\xa1\x20"s + nils), Contains("bytes of memory"));
  CHECK_THAT(fails<boxes>(*rpc::cbor(), "\x9a\x00\x07\xa1\x20"s + std::string(500'000, '\xf6')),
             Contains("bytes of memory"));
  CHECK_THAT(fails<boxes>(*rpc::cbor(), "\x9f" + std::string(500'000, '\xf6') + "\xff"), Contains("bytes of memory"));
  CHECK_THAT(fails<boxes>(*rpc::json(), "[null" + repeated(",null", 499'999) + "]"), Contains("bytes of memory"));
  CHECK_THAT(fails<boxes>(*rpc::cereal_codec(), "\x01\x20\xa1\x07\0\0\0\0\0"s + std::string(500'000, '\x01')),
             Contains("bytes of memory"));
  CHECK_THAT(fails<std::vector<std::string>>(*rpc::cbor(), "\x9f" + repeated("\x7f\xff", 500'000) + "\xff",
                                             {.memory = 1U << 24}),
             Contains("bytes of memory"));
}

TEST_CASE("codec: elements and bytes are limited", "[rpc]") {
  const rpc::codec_limits few = {.bytes = 1000, .elements = 10};
  for (const auto& codec : all()) {
    CAPTURE(std::string{codec->name()});
    const auto message = write(*codec, std::vector<std::vector<std::int32_t>>(3, {1, 2, 3}));
    CHECK_THAT(fails<std::vector<std::vector<std::int32_t>>>(*codec, message, few), Contains("more than 10 elements"));
    CHECK(fails<std::vector<std::vector<std::int32_t>>>(*codec, message, {.elements = 16}) == "no error");
    CHECK_THAT(fails<std::string>(*codec, write(*codec, std::string(1001, 'x')), few),
               Contains("over the limit of 1000"));
  }
}

TEST_CASE("codec: no beginning of a message is a message", "[rpc]") {
  for (const auto& codec : all()) {
    CAPTURE(std::string{codec->name()});
    const auto message = write(*codec, demo::sample());
    std::size_t passed = 0;
    for (std::size_t size = 0; size < message.size(); ++size)
      passed += fails<demo::everything>(*codec, std::string_view{message}.substr(0, size)) == "no error" ? 1U : 0U;
    CHECK(passed == 0);
    CHECK_THAT(fails<demo::everything>(*codec, message + " x"), !Contains("no error"));
  }
}

TEST_CASE("codec: whatever bytes come, nothing but codec_error does", "[rpc]") {
  std::mt19937 random{20'260'711};  // NOLINT: the same bytes each time
  const auto below = [&](std::size_t end) { return random() % end; };
  for (const auto& codec : all()) {
    CAPTURE(std::string{codec->name()});
    const std::array<std::string, 2> messages = {write(*codec, demo::sample()),
                                                 write(*codec, std::vector<demo::task>{{1, "one"}, {2, "two"}})};
    for (int round = 0; round < 4000; ++round) {
      auto message = messages[below(2)];
      for (auto changes = 1 + below(8); changes > 0; --changes) {
        const auto at = below(message.size());
        switch (below(3)) {
          case 0:
            message[at] = static_cast<char>(random());
            break;
          case 1:
            message.erase(at, below(4));
            if (message.empty()) message = "x";
            break;
          default:
            message.insert(at, message, below(message.size()), below(20));
        }
      }
      fails<demo::everything>(*codec, message);
      fails<std::vector<demo::task>>(*codec, message);
    }
    for (int round = 0; round < 4000; ++round) {
      std::string noise(below(64), '\0');
      for (auto& c : noise) c = static_cast<char>(random());
      fails<demo::everything>(*codec, noise);
      fails<std::vector<demo::task>>(*codec, noise);
    }
  }
}
