// SPDX-License-Identifier: BSD-2-Clause
// nlohmann's library as the judge of what we write, and as a writer of what we read.
#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include "tests/rpc/codec_types.hpp"

using namespace duplex;
using nlohmann::json;

namespace {

json binary(std::string_view bytes) { return json::binary(std::vector<std::uint8_t>(bytes.begin(), bytes.end())); }

json point_of(const demo::point& it) { return {{"x", it.x}, {"y", it.y}}; }

// demo::sample() as nlohmann would have it; `bytes` says what bytes are.
json expected(auto bytes) {
  const auto it = demo::sample();
  json tags = {{"a", {1, -2, 70000}}, {"b", json::array()}};
  const json grand = {{"name", "grand"}, {"kids", json::array()}};
  const json kids = {{{"name", "kid"}, {"kids", json::array()}}, {{"name", "kid2"}, {"kids", {grand}}}};
  return {{"yes", true},
          {"i8", -128},
          {"u64", UINT64_MAX},
          {"i64", INT64_MIN},
          {"f32", bytes("") == "" ? 0.1 : static_cast<double>(0.1F)},  // the shortest text of it is another double
          {"f64", -1.5e300},
          {"tint", 2},
          {"text", it.text},
          {"blob", bytes(std::string(300, 7))},
          {"octets", bytes(std::string{"\0\xff\x80", 3})},
          {"slice", bytes("slice")},
          {"address", bytes(std::string{"\x7f\0\0\x01", 4})},
          {"at", point_of(*it.at)},
          {"nowhere", nullptr},
          {"choice", {3, point_of({1, 2})}},
          {"names", it.names},
          {"flags", {true, false, true}},
          {"list", {1, -33, 70000}},
          {"deque", {point_of({1, 1}), point_of({2, 2})}},
          {"set", {"x", "y"}},
          {"three", {1, 2, 3}},
          {"pair", json::array({-5, "five"})},
          {"tuple", {true, point_of({9, 9})}},
          {"tags", tags},
          {"root", {{"name", "root"}, {"kids", kids}}}};
}

// Without the maps whose keys are integers: nlohmann's binary formats have none.
demo::everything judged() {
  auto it = demo::sample();
  it.by_number.clear();
  it.by_id.clear();
  it.by_color.clear();
  return it;
}

void without_number_maps(json& it) {
  for (const auto* name : {"by_number", "by_id", "by_color"}) it.erase(name);
}

}  // namespace

TEST_CASE("codec: nlohmann reads our MessagePack and CBOR as what was meant", "[rpc]") {
  const auto packed = rpc::encode(*rpc::msgpack(), judged());
  auto read = json::from_msgpack(packed);
  without_number_maps(read);
  CHECK(read == expected(binary));
  read = json::from_cbor(rpc::encode(*rpc::cbor(), judged()));
  without_number_maps(read);
  CHECK(read == expected(binary));
}

TEST_CASE("codec: nlohmann reads our JSON as what was meant", "[rpc]") {
  auto read = json::parse(rpc::encode(*rpc::json(), demo::sample()));
  CHECK(read["by_number"] == json{{"-1", "minus one"}, {"1000", "thousand"}});
  CHECK(read["by_color"] == json{{"1", "go"}});
  without_number_maps(read);
  const auto base64 = [](std::string_view bytes) -> json {
    if (bytes == "slice") return "c2xpY2U=";
    if (bytes.size() == 4) return "fwAAAQ==";
    if (bytes.size() == 3) return "AP+A";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) text += "BwcH";
    return text;
  };
  CHECK(read == expected(base64));
}

TEST_CASE("codec: what nlohmann writes is read", "[rpc]") {
  const auto from = [](const std::vector<std::uint8_t>& bytes) {
    return std::string_view{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  };
  const auto packed = json::to_msgpack(expected(binary));
  CHECK(rpc::decode<demo::everything>(*rpc::msgpack(), from(packed)) == judged());
  const auto cbor = json::to_cbor(expected(binary));
  CHECK(rpc::decode<demo::everything>(*rpc::cbor(), from(cbor)) == judged());
  const json text = {{"blob", "BwcH"}, {"by_number", {{"-1", "minus one"}}}, {"f64", 3}, {"text", "\xe2\x82\xac"}};
  const auto read = rpc::decode<demo::everything>(*rpc::json(), text.dump(2));
  CHECK(read.blob == std::vector(3, std::byte{7}));
  CHECK(read.by_number == std::map<std::int32_t, std::string>{{-1, "minus one"}});
  CHECK(read.f64 == 3);
  CHECK(read.text == "\xe2\x82\xac");
}

TEST_CASE("json: MessagePack and JSON text turn into each other", "[rpc]") {
  const auto packed = rpc::from_json(R"( {"a": [1, -2, 2.5, true, null, "x"], "b": {}} )");
  CHECK(json::from_msgpack(packed) == json::parse(R"({"a":[1,-2,2.5,true,null,"x"],"b":{}})"));
  CHECK(rpc::to_json(packed) == R"({"a":[1,-2,2.5,true,null,"x"],"b":{}})");
  CHECK(rpc::to_json(rpc::from_json("[18446744073709551615,-9223372036854775808,1.0,1e300]")) ==
        "[18446744073709551615,-9223372036854775808,1.0,1e+300]");
}
