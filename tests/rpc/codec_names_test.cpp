// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/rpc/names.hpp>

#include <catch2/catch.hpp>

#include <functional>
#include <memory>

#include "tests/rpc/codec_types.hpp"

using namespace duplex;

namespace demo {

template <class T> struct box {
  T held;
  struct inner {
    T deep_1;
    int _last;
  };
  inner nested;
};
struct functions {
  std::function<int(int)> add;
  std::unique_ptr<int> p;
  struct nested {
    std::map<std::string, std::vector<int>> in_there;
  };
};
struct lists {  // Boost.PFR's own count crashes g++ 12 here
  std::vector<std::string> tags = {"a", "b"};
  std::vector<point> points = {{1, 2}, {3, 4}};
  int last = 3;
};
struct none {};
template <class Archive> void serialize(Archive& ar, none&) { (void)ar; }
struct by_function {
  explicit by_function(int of = 0) : value(of) {}
  int value;
};
template <class Archive> void serialize(Archive& ar, by_function& it) { ar(cereal::make_nvp("value", it.value)); }

}  // namespace demo

namespace {

template <class T, std::size_t N> constexpr bool named(const std::array<std::string_view, N>& names) {
  return rpc::names::fields<T> == names;
}

static_assert(named<demo::point, 2>({"x", "y"}));
static_assert(named<demo::box<std::string>, 2>({"held", "nested"}));
static_assert(named<demo::box<demo::point>::inner, 2>({"deep_1", "_last"}));
static_assert(named<demo::functions, 2>({"add", "p"}));
static_assert(named<demo::functions::nested, 1>({"in_there"}));
static_assert(named<demo::lists, 3>({"tags", "points", "last"}));
static_assert(named<demo::tree, 2>({"name", "kids"}));
static_assert(rpc::names::fields<demo::everything>.size() == 28);
static_assert(rpc::names::fields<demo::everything>[27] == "root");
static_assert(rpc::names::type<demo::point>() == "demo::point");
static_assert(rpc::names::type<demo::functions::nested>() == "demo::functions::nested");
static_assert(rpc::names::type<demo::box<int>>() == "demo::box<int>");
static_assert(rpc::names::type<demo::color>() == "demo::color");

std::string fields_of(const rpc::describer& types, const std::string& name) {
  std::string text;
  for (const auto& [field, type] : types.types().at(name)) text += field + ": " + type + "; ";
  return text;
}

}  // namespace

TEST_CASE("describer: types read as in the documents", "[rpc]") {
  rpc::describer types;
  CHECK(types.type<bool>() == "bool");
  CHECK(types.type<std::int32_t>() == "i32");
  CHECK(types.type<std::uint64_t>() == "u64");
  CHECK(types.type<float>() == "f32");
  CHECK(types.type<double>() == "f64");
  CHECK(types.type<std::string>() == "string");
  CHECK(types.type<duplex::bytes>() == "bytes");
  CHECK(types.type<std::vector<std::uint8_t>>() == "bytes");
  CHECK(types.type<std::vector<std::optional<std::int32_t>>>() == "[i32?]");
  CHECK(types.type<std::array<double, 3>>() == "[f64]");
  CHECK(types.type<std::map<std::string, std::set<std::int32_t>>>() == "{string: [i32]}");
  CHECK(types.type<std::variant<std::monostate, std::int32_t, demo::point>>() == "nil | i32 | demo.point");
  CHECK(types.type<std::tuple<std::int32_t, std::string>>() == "(i32, string)");
  CHECK(types.type<std::tuple<>>() == "()");
  CHECK(types.type<std::pair<bool, bool>>() == "(bool, bool)");
  CHECK(types.type<demo::color>() == "demo.color");
  CHECK(types.type<demo::box<int>>() == "demo.box<int>");
}

TEST_CASE("describer: structs are listed with their fields, once, and end in themselves", "[rpc]") {
  rpc::describer types;
  CHECK(types.type<std::vector<demo::tree>>() == "[demo.tree]");
  CHECK(fields_of(types, "demo.tree") == "name: string; kids: [demo.tree]; ");
  CHECK(types.type<demo::task>() == "demo.task");
  CHECK(fields_of(types, "demo.task") == "id_: u64; name: string; at_: demo.point?; priority_: i32; ");
  CHECK(fields_of(types, "demo.point") == "x: i32; y: f64; ");
  CHECK(types.types().size() == 3);
}

TEST_CASE("codec: serialize() may be a function beside the type", "[rpc]") {
  const auto text = rpc::encode(*rpc::json(), demo::by_function{5});
  CHECK(text == R"({"value":5})");
  CHECK(rpc::decode<demo::by_function>(*rpc::json(), text).value == 5);
  CHECK(rpc::encode(*rpc::json(), demo::none{}) == "{}");
}
