// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include "tests/rpc/codec_types.hpp"

using namespace duplex;

namespace {

struct newer {  // another order, a field that is unknown, one that is missing
  std::vector<demo::tree> unknown = {{"deep", {{"deeper", {}}}}};
  std::string name = "n";
  std::uint64_t id = 7;
};
struct older {
  std::uint64_t id = 0;
  std::string name;
  std::int32_t missing = 42;
};
struct described_older {
  older it;
  template <class Archive> void serialize(Archive& ar) {
    ar(cereal::make_nvp("id", it.id), cereal::make_nvp("missing", it.missing), cereal::make_nvp("name", it.name));
  }
};
struct unnamed {
  std::int32_t a = 0;
  std::string b;
  template <class Archive> void serialize(Archive& ar) { ar(a, b); }
};

struct celsius {  // written by a hook
  double degrees = 0;
};

// A codec of somebody's own: MessagePack in capital hexadecimal digits.
class hex_codec final : public rpc::codec {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "hex"; }
  void encode(std::string& out, rpc::value_source value, rpc::handles* scope) const override {
    std::string tokens;
    rpc::msgpack()->encode(tokens, value, scope);
    for (const char c : tokens) out.append({digits[static_cast<std::uint8_t>(c) >> 4], digits[c & 15]});
  }
  void decode(std::string_view in, const rpc::codec_limits& limits, rpc::value_target value,
              rpc::handles* scope) const override {
    if (in.size() % 2 != 0) throw rpc::codec_error{"half a byte"};
    std::string tokens;
    for (std::size_t i = 0; i < in.size(); i += 2)
      tokens += static_cast<char>(digits.find(in[i]) << 4 | digits.find(in[i + 1]));
    rpc::msgpack()->decode(tokens, limits, value, scope);
  }

 private:
  static constexpr std::string_view digits = "0123456789ABCDEF";
};

}  // namespace

template <> struct duplex::rpc::custom<celsius> {
  static void write(token_writer& to, const celsius& value) { write_value(to, value.degrees); }
  static void read(token_reader& from, celsius& into) { read_value(from, into.degrees); }
  static std::string describe(describer&) { return "celsius"; }
};

TEST_CASE("codec: every type comes back from every codec", "[rpc]") {
  for (const auto& codec : demo::token_codecs()) {
    CAPTURE(std::string{codec->name()});
    CHECK(rpc::decode<demo::everything>(*codec, rpc::encode(*codec, demo::sample())) == demo::sample());
    CHECK(rpc::decode<demo::everything>(*codec, rpc::encode(*codec, demo::everything{})) == demo::everything{});
  }
}

TEST_CASE("codec: integers come back at their limits", "[rpc]") {
  for (const auto& codec : demo::token_codecs()) {
    CAPTURE(std::string{codec->name()});
    std::vector<std::int64_t> sent = {0, 23, 24, 127, 128, 255, 256, 65535, 65536, -1, -24, -25, -32, -33, -128, -129};
    for (const std::int64_t edge : {1LL << 31, 1LL << 32, 1LL << 53, (1LL << 62) + 1}) {
      for (const auto near : {edge - 1, edge, edge + 1}) sent.insert(sent.end(), {near, -near});
    }
    sent.insert(sent.end(), {INT64_MIN, INT64_MAX});
    CHECK(rpc::decode<std::vector<std::int64_t>>(*codec, rpc::encode(*codec, sent)) == sent);
    const std::vector<std::uint64_t> large = {UINT64_MAX, UINT64_MAX - 1, 1ULL << 63};
    CHECK(rpc::decode<std::vector<std::uint64_t>>(*codec, rpc::encode(*codec, large)) == large);
  }
}

TEST_CASE("codec: floats come back at their limits, and what is beyond is refused", "[rpc]") {
  using limits = std::numeric_limits<float>;
  for (const auto& codec : demo::token_codecs()) {
    CAPTURE(std::string{codec->name()});
    const std::vector<float> sent = {limits::max(), limits::lowest(), limits::min(), limits::denorm_min(), 0.1F};
    CHECK(rpc::decode<std::vector<float>>(*codec, rpc::encode(*codec, sent)) == sent);
    for (const double beyond : {3.5e38, -3.5e38, 0x1.ffffffp+127})
      CHECK_THROWS_AS(rpc::decode<float>(*codec, rpc::encode(*codec, beyond)), rpc::codec_error);
  }
}

TEST_CASE("codec: lengths come back on both sides of each form", "[rpc]") {
  for (const auto& codec : demo::token_codecs()) {
    for (const std::size_t size : {0, 15, 16, 23, 24, 31, 32, 255, 256, 65535, 65536}) {
      CAPTURE(std::string{codec->name()}, size);
      const std::string text(size, 'x');
      CHECK(rpc::decode<std::string>(*codec, rpc::encode(*codec, text)) == text);
      const std::vector<std::uint8_t> blob(size, 0xff);
      CHECK(rpc::decode<std::vector<std::uint8_t>>(*codec, rpc::encode(*codec, blob)) == blob);
      const std::vector<bool> flags(size, true);
      CHECK(rpc::decode<std::vector<bool>>(*codec, rpc::encode(*codec, flags)) == flags);
      std::map<std::uint32_t, bool> map;
      for (std::uint32_t i = 0; i < size; ++i) map[i] = true;
      CHECK(rpc::decode<decltype(map)>(*codec, rpc::encode(*codec, map)) == map);
    }
  }
}

TEST_CASE("codec: a struct with serialize() comes back from every codec", "[rpc]") {
  const std::vector<demo::task> sent = {{1, "one"}, {1ULL << 40, "two"}};
  for (const auto& codec : demo::token_codecs()) {
    CAPTURE(std::string{codec->name()});
    CHECK(rpc::decode<std::vector<demo::task>>(*codec, rpc::encode(*codec, sent)) == sent);
    const auto back = rpc::decode<unnamed>(*codec, rpc::encode(*codec, unnamed{4, "four"}));
    CHECK(back.a == 4);
    CHECK(back.b == "four");
  }
}

TEST_CASE("codec: unknown fields are skipped, missing ones keep their value, the order is free", "[rpc]") {
  for (const auto& codec : demo::token_codecs()) {
    CAPTURE(std::string{codec->name()});
    const auto message = rpc::encode(*codec, newer{});
    for (const auto& got : {rpc::decode<older>(*codec, message), rpc::decode<described_older>(*codec, message).it}) {
      CHECK(got.id == 7);
      CHECK(got.name == "n");
      CHECK(got.missing == 42);
    }
  }
}

TEST_CASE("codec: the arguments of a call are an array", "[rpc]") {
  const std::tuple<std::int32_t, std::string> sent{1, "a"};
  CHECK(rpc::encode(*rpc::json(), sent) == R"([1,"a"])");
  CHECK(rpc::encode(*rpc::json(), std::tuple<>{}) == "[]");
  for (const auto& codec : demo::token_codecs())
    CHECK(rpc::decode<std::tuple<std::int32_t, std::string>>(*codec, rpc::encode(*codec, sent)) == sent);
}

TEST_CASE("codec: a type may have a hook of its own", "[rpc]") {
  CHECK(rpc::encode(*rpc::json(), std::map<std::string, celsius>{{"here", {21.5}}}) == R"({"here":21.5})");
  CHECK(rpc::decode<celsius>(*rpc::json(), "-3").degrees == -3);
}

TEST_CASE("codec: a failure to write leaves what was written before", "[rpc]") {
  std::string out = "before";
  const std::vector<double> value(1000, std::numeric_limits<double>::quiet_NaN());
  CHECK_THROWS_AS(rpc::encode(out, *rpc::json(), rpc::ops_of<std::vector<double>>(), &value, nullptr),
                  rpc::codec_error);
  CHECK(out == "before");
}

TEST_CASE("codec: bytes pass through as they are", "[rpc]") {
  const auto& codec = *rpc::bytes_codec();
  CHECK(rpc::encode(codec, std::string{"a\0b", 3}) == std::string{"a\0b", 3});
  CHECK(rpc::encode(codec, std::tuple{std::string{"one"}}) == "one");
  CHECK(rpc::encode(codec, duplex::bytes{"slice"}) == "slice");
  CHECK(rpc::encode(codec, std::monostate{}).empty());
  CHECK(rpc::decode<std::vector<std::byte>>(codec, "\x01\xff") == std::vector{std::byte{1}, std::byte{255}});
  CHECK(rpc::decode<std::tuple<duplex::bytes>>(codec, "one") == std::tuple{duplex::bytes{"one"}});
  CHECK(rpc::decode<std::monostate>(codec, "") == std::monostate{});
}

TEST_CASE("codec registry: it has the library's, and a user's own", "[rpc]") {
  rpc::codec_registry registry;
  CHECK(registry.names() == "bytes, cbor, cereal, json, msgpack, protobuf");
  CHECK(registry.find("hex") == nullptr);
  registry.add(std::make_shared<hex_codec>());
  CHECK(registry.names() == "bytes, cbor, cereal, hex, json, msgpack, protobuf");
  const auto& hex = **registry.find("hex");
  CHECK(rpc::encode(hex, std::vector<std::int32_t>{1, -1}) == "9201FF");
  CHECK(rpc::decode<demo::everything>(hex, rpc::encode(hex, demo::sample())) == demo::sample());
}
