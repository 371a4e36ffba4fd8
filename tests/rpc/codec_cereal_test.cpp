// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/rpc/codec/cereal.hpp>

#include <catch2/catch.hpp>

#include <sstream>

#include "tests/rpc/codec_types.hpp"

using namespace duplex;

namespace {

template <class T> std::string write(const T& value) {
  std::string out;
  rpc::encode(out, *rpc::cereal_codec(), rpc::ops_of<T, rpc::cereal>(), &value, nullptr);
  return out;
}

template <class T> T read(std::string_view in, const rpc::codec_limits& limits = {}) {
  T value{};
  rpc::decode(in, *rpc::cereal_codec(), rpc::ops_of<T, rpc::cereal>(), &value, limits, nullptr);
  return value;
}

}  // namespace

TEST_CASE("cereal: every type comes back", "[rpc]") {
  CHECK(read<demo::everything>(write(demo::sample())) == demo::sample());
  const std::vector<demo::task> tasks = {{1, "one"}, {2, "two"}};
  CHECK(read<std::vector<demo::task>>(write(tasks)) == tasks);
  CHECK(read<std::unordered_set<std::string>>(write(std::unordered_set<std::string>{"a", "b"})).size() == 2);
}

TEST_CASE("cereal: it is cereal's own format, of aggregates too", "[rpc]") {
  std::istringstream in{write(demo::sample())};
  ::cereal::PortableBinaryInputArchive stock{in};
  std::vector<demo::point> points = {{1, 2}, {3, 4}}, back;
  bool yes = false;
  std::int8_t i8 = 0;
  std::uint64_t u64 = 0;
  stock(yes, i8, u64);
  CHECK(yes);
  CHECK(i8 == -128);
  CHECK(u64 == UINT64_MAX);
  std::istringstream more{write(points)};
  ::cereal::PortableBinaryInputArchive{more}(back);
  CHECK(back == points);
}

TEST_CASE("cereal: arguments are written one after the other", "[rpc]") {
  CHECK(write(std::tuple<std::uint8_t, std::uint16_t>{7, 8}) == std::string{"\x01\x07\x08\x00", 4});
  CHECK(write(std::monostate{}) == "\x01");
  CHECK(read<std::monostate>("\x01") == std::monostate{});
}

TEST_CASE("cereal: an error names the field", "[rpc]") {
  const auto message = write(demo::tree{"root", {{"kid", {}}, {"second", {}}}});
  const auto cut = std::string_view{message}.substr(0, message.size() - 12);
  CHECK(demo::error_of([&] { read<demo::tree>(cut); }) == "kids[1].name: announces 6 items, has 2 bytes left");
  CHECK(demo::error_of([] { read<std::int32_t>(std::string_view{"\0\0\0\0\1", 5}); }) == "big-endian data of cereal's");
  CHECK(demo::error_of([] { read<std::int8_t>("\x01\x02\x03"); }) == "1 bytes left over");
  CHECK(demo::error_of([] {
          read<std::variant<bool, int>>(std::string_view{"\1\7\0\0\0\0", 6});
        }) == "Invalid 'index' selector when deserializing std::variant");
}
