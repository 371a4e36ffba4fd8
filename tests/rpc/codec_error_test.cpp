// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include "tests/rpc/codec_types.hpp"

using namespace duplex;
using demo::error_of;

namespace {

struct drawing {
  std::vector<demo::point> ps;
  std::map<std::string, demo::point> named;
};
struct text_point {
  std::string x;
};
struct text_drawing {
  std::vector<text_point> ps;
};
struct sizes {
  std::uint8_t small = 0;
  std::int32_t i = 0;
  float f = 0;
};

template <class T> std::string fails(std::string_view json) {
  return error_of([&] { rpc::decode<T>(*rpc::json(), json); });
}

}  // namespace

TEST_CASE("codec error: it names the field and both types", "[rpc]") {
  for (const auto& codec : demo::token_codecs()) {
    const auto message = rpc::encode(*codec, text_drawing{{{"0"}, {"1"}}});
    CHECK(error_of([&] { rpc::decode<drawing>(*codec, message); }) == "ps[0].x: expected an integer, got a string");
  }
  CHECK(fails<drawing>(R"({"ps":[{},{},{"y":"?"}]})") == "ps[2].y: expected a real number, got a string");
  CHECK(fails<drawing>(R"({"named":{"a":{},"b":{"x":true}}})") == "named[1].x: expected an integer, got a boolean");
  CHECK(fails<drawing>(R"({"ps":{}})") == "ps: expected an array, got a map");
  CHECK(fails<std::tuple<demo::point>>(R"([{"x":null}])") == "[0].x: expected an integer, got nil");
  CHECK(fails<demo::task>(R"({"at_":{"x":[]}})") == "at_.x: expected an integer, got an array");
  CHECK(fails<demo::everything>(R"({"blob":"===="})") ==
        "blob: expected bytes as base64 text, got a string that is not");
  CHECK(fails<demo::everything>(R"({"blob":1})") == "blob: expected bytes as base64 text, got an integer");
  CHECK(fails<demo::everything>(R"({"choice":[7,1]})") == "choice: no alternative has that index; there are 4");
  CHECK(fails<demo::everything>(R"({"address":"AAA="})") == "address: expected 4 bytes, got 2");
  CHECK(fails<demo::everything>(R"({"by_number":{"x":"y"}})") == "by_number: expected an integer, got the key 'x'");
}

TEST_CASE("codec error: a number that does not fit names the type and its limits", "[rpc]") {
  CHECK(fails<sizes>(R"({"small":300})") == "small: 300 does not fit u8 (0 to 255)");
  CHECK(fails<sizes>(R"({"small":-1})") == "small: -1 does not fit u8 (0 to 255)");
  CHECK(fails<sizes>(R"({"i":2147483648})") == "i: 2147483648 does not fit i32 (-2147483648 to 2147483647)");
  CHECK(fails<sizes>(R"({"i":-2147483649})") == "i: -2147483649 does not fit i32 (-2147483648 to 2147483647)");
  CHECK(fails<sizes>(R"({"i":1.5})") == "i: expected an integer, got a real number");
  CHECK_THAT(fails<sizes>(R"({"f":1e300})"), Catch::Matchers::Contains("does not fit f32"));
  const std::string least{"\x3b\xff\xff\xff\xff\xff\xff\xff\xff", 9};  // CBOR has integers below those of C++
  CHECK(error_of([&] { rpc::decode<std::int64_t>(*rpc::cbor(), least); }) ==
        "-18446744073709551616 does not fit i64 (-9223372036854775808 to 9223372036854775807)");
}

TEST_CASE("codec error: a wrong number of arguments says both", "[rpc]") {
  using two = std::tuple<std::int32_t, std::int32_t>;
  CHECK(fails<two>("[1,2,3]") == "expected 2 values, got 3");
  CHECK(fails<two>("[1]") == "expected 2 values, got 1");
  CHECK(fails<std::tuple<std::int32_t>>("[]") == "expected 1 value, got 0");
  CHECK(fails<std::tuple<>>("[1]") == "expected 0 values, got 1");
}

TEST_CASE("codec error: bytes left over are one", "[rpc]") {
  CHECK(error_of([] { rpc::decode<std::int32_t>(*rpc::msgpack(), "\x01\x02"); }) == "1 bytes left over");
  CHECK(error_of([] { rpc::decode<std::int32_t>(*rpc::cbor(), "\x01\x02"); }) == "1 bytes left over");
  CHECK_THAT(fails<std::int32_t>("1 2"), Catch::Matchers::StartsWith("parse error at line 1, column 3"));
}

TEST_CASE("codec error: a codec of certain types says which", "[rpc]") {
  CHECK(error_of([] { rpc::encode(*rpc::bytes_codec(), std::tuple<std::int32_t, std::string>{}); }) ==
        "codec 'bytes' takes exactly one string or bytes, not (i32, string)");
  CHECK(error_of([] { rpc::decode<demo::point>(*rpc::protobuf_codec(), ""); }) ==
        "codec 'protobuf' takes exactly one protobuf message, not demo.point");
  CHECK(error_of([] { rpc::encode(*rpc::cereal_codec(), 1); }) ==
        "codec 'cereal' takes types of services that were compiled with rpc::cereal, not i32");
}

TEST_CASE("codec error: JSON says what it cannot say", "[rpc]") {
  const auto writes = [](const auto& value) { return error_of([&] { rpc::encode(*rpc::json(), value); }); };
  CHECK(writes(std::vector{1.0, std::numeric_limits<double>::quiet_NaN()}) == "[1]: JSON has no NaN");
  CHECK(writes(drawing{{{0, -std::numeric_limits<double>::infinity()}}, {}}) == "ps[0].y: JSON has no infinity");
  CHECK(writes(std::map<std::string, std::string>{{"a", "\xff"}}) == "a: JSON has no string that is not UTF-8");
  for (const auto* text : {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"})
    CHECK(writes(std::string{text}) == "JSON has no string that is not UTF-8");
  CHECK(writes(std::map<bool, int>{{true, 1}}) == "JSON has strings and integers as keys, not a boolean");
}
