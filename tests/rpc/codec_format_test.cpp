// SPDX-License-Identifier: BSD-2-Clause
// What other writers may send in CBOR and JSON that ours do not.
#include <catch2/catch.hpp>

#include <cmath>

#include "tests/rpc/codec_types.hpp"

using namespace duplex;
using namespace std::string_literals;
using demo::error_of;

namespace {

template <class T> T cbor(const std::string& bytes) { return rpc::decode<T>(*rpc::cbor(), bytes); }

template <class T> T json(std::string_view text) { return rpc::decode<T>(*rpc::json(), text); }

}  // namespace

TEST_CASE("cbor: indefinite lengths are read", "[rpc]") {
  CHECK(cbor<std::vector<std::int32_t>>("\x9f\x01\x02\xff") == std::vector{1, 2});
  CHECK(cbor<std::vector<std::vector<std::int32_t>>>("\x9f\x9f\xff\x81\x03\xff") ==
        std::vector<std::vector<std::int32_t>>{{}, {3}});
  CHECK(cbor<std::string>("\x7f\x62"
                          "ab"
                          "\x61"
                          "c"
                          "\xff") == "abc");
  CHECK(cbor<std::vector<std::byte>>("\x5f\x41\x01\x40\x41\x02\xff") == std::vector{std::byte{1}, std::byte{2}});
  CHECK(cbor<demo::point>("\xbf\x61x\x05\x61y\xfb\x40\x00\x00\x00\x00\x00\x00\x00\xff"s) == demo::point{5, 2});
  CHECK(cbor<demo::point>("\xbf\x7f\x61x\xff\x05\x67unknown\x9f\x9f\xff\xff\xff"s) == demo::point{5, 0});
  CHECK(cbor<demo::task>("\xbf\x69priority_\x05\x64name\x61n\xff"s) ==
        [] { return rpc::decode<demo::task>(*rpc::json(), R"({"name":"n","priority_":5})"); }());
  CHECK(cbor<std::tuple<std::int32_t, std::int32_t>>("\x9f\x01\x02\xff") == std::tuple{1, 2});
}

TEST_CASE("cbor: chunks of another kind, and an end where none belongs, are errors", "[rpc]") {
  CHECK_THROWS_AS(cbor<std::string>("\x7f\x41"
                                    "a"
                                    "\xff"),
                  rpc::codec_error);
  CHECK_THROWS_AS(cbor<std::string>("\x7f\x7f\xff\xff"), rpc::codec_error);
  CHECK_THROWS_AS(cbor<std::vector<std::int32_t>>("\x81\xff"), rpc::codec_error);
  CHECK_THROWS_AS(cbor<demo::point>("\xbf\x61x\xff"), rpc::codec_error);
  CHECK_THROWS_AS(cbor<demo::point>("\xbf\x61q\xff"), rpc::codec_error);
  CHECK_THROWS_AS(cbor<std::int32_t>("\x1f"), rpc::codec_error);
  CHECK_THROWS_AS(cbor<std::int32_t>("\xff"), rpc::codec_error);
}

TEST_CASE("cbor: half and single floats are read, and integers as reals", "[rpc]") {
  CHECK(cbor<double>("\xf9\x3c\x00"s) == 1.0);
  CHECK(cbor<double>("\xf9\xc4\x00"s) == -4.0);
  CHECK(cbor<double>("\xf9\x7b\xff") == 65504.0);
  CHECK(cbor<double>("\xf9\x00\x01"s) == std::ldexp(1.0, -24));
  CHECK(cbor<double>("\xf9\x7c\x00"s) == std::numeric_limits<double>::infinity());
  CHECK(std::isnan(cbor<double>("\xf9\x7e\x00"s)));
  CHECK(cbor<double>("\xfa\x47\xc3\x50\x00"s) == 100000.0);
  CHECK(cbor<double>("\x29") == -10.0);
}

TEST_CASE("cbor: tags are stepped over, undefined is nil", "[rpc]") {
  CHECK(cbor<std::uint32_t>("\xc1\x1a\x51\x4b\x67\xb0") == 1363896240);
  CHECK(cbor<std::vector<std::int32_t>>("\xd9\xd9\xf7\x82\xc6\x01\x02") == std::vector{1, 2});
  CHECK(cbor<std::optional<std::int32_t>>("\xf7") == std::nullopt);
  CHECK(cbor<demo::point>("\xd9\xd9\xf7\xa2\x61q\xc1\xf0\x61x\x07") == demo::point{7, 0});
  CHECK_THROWS_AS(cbor<std::int32_t>("\xf0"), rpc::codec_error);
}

TEST_CASE("msgpack: extensions are stepped over", "[rpc]") {
  const auto with = [](const std::string& value) {
    return rpc::decode<demo::point>(*rpc::msgpack(), "\x82\xa1q" + value + "\xa1x\x07");
  };
  for (const auto& value :
       {"\xd4\x01?"s, "\xd8\x01"s + std::string(16, '?'), "\xc7\x02\x01??"s, "\xc9\0\0\0\x01\x01?"s})
    CHECK(with(value) == demo::point{7, 0});
  CHECK_THROWS_AS(with("\xc1"), rpc::codec_error);
}

TEST_CASE("json: bytes are base64 text", "[rpc]") {
  using blob = std::vector<std::uint8_t>;
  CHECK(rpc::encode(*rpc::json(), blob{}) == R"("")");
  CHECK(rpc::encode(*rpc::json(), blob{'f'}) == R"("Zg==")");
  CHECK(rpc::encode(*rpc::json(), blob{'f', 'o'}) == R"("Zm8=")");
  CHECK(rpc::encode(*rpc::json(), blob{'f', 'o', 'o'}) == R"("Zm9v")");
  CHECK(rpc::encode(*rpc::json(), blob{0xfb, 0xff}) == R"("+/8=")");
  CHECK(json<blob>(R"("Zm8=")") == blob{'f', 'o'});
  CHECK(json<blob>(R"("")").empty());
  for (const auto* wrong : {R"("Zg")", R"("Zg=")", R"("Zh==")", R"("Z===")", R"("====")", R"("Zm9v=")", R"("Zm-v")",
                            R"("Z g=")", R"("Zg==Zg==")"})
    CHECK_THROWS_AS(json<blob>(wrong), rpc::codec_error);
}

TEST_CASE("json: integer keys are text", "[rpc]") {
  using numbers = std::map<std::int8_t, bool>;
  CHECK(rpc::encode(*rpc::json(), numbers{{-128, true}, {0, false}}) == R"({"-128":true,"0":false})");
  CHECK(json<numbers>(R"({"-128":true,"0":false})") == numbers{{-128, true}, {0, false}});
  for (const auto* wrong : {R"({"128":true})", R"({"":true})", R"({"1x":true})", R"({"+1":true})", R"({" 1":true})"})
    CHECK_THROWS_AS(json<numbers>(wrong), rpc::codec_error);
}

TEST_CASE("json: text is escaped where it must be", "[rpc]") {
  CHECK(rpc::encode(*rpc::json(), "\"\\/\b\f\n\r\t\x01\x1f\x7f\xe2\x82\xac"s) ==
        "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xe2\x82\xac\"");
  CHECK(json<std::string>(R"("\u20ac\ud83d\ude00\u0000")") == "\xe2\x82\xac\xf0\x9f\x98\x80\0"s);
}

TEST_CASE("json: reals stay reals, and come back as they were", "[rpc]") {
  CHECK(rpc::encode(*rpc::json(), 1.0) == "1.0");
  CHECK(rpc::encode(*rpc::json(), 0.1) == "0.1");
  CHECK(rpc::encode(*rpc::json(), 0.1F) == "0.1");
  CHECK(json<float>("0.1") == 0.1F);
  CHECK(rpc::encode(*rpc::json(), -0.0) == "-0.0");
  for (const double value : {5e-324, 1.7976931348623157e308, 1.0 / 3, 123456789012345680.0})
    CHECK(json<double>(rpc::encode(*rpc::json(), value)) == value);
}

TEST_CASE("json: what is no JSON names line and column", "[rpc]") {
  CHECK_THAT(error_of([] { json<demo::point>("{\"x\":\n oops}"); }),
             Catch::Matchers::StartsWith("parse error at line 2, column 2"));
  CHECK_THROWS_AS(json<std::string>("\"\xff\""), rpc::codec_error);
  CHECK_THROWS_AS(json<double>("1e999"), rpc::codec_error);
  CHECK_THROWS_AS(json<double>("NaN"), rpc::codec_error);
  CHECK_THROWS_AS(json<std::int32_t>(""), rpc::codec_error);
}
