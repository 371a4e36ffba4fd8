// SPDX-License-Identifier: BSD-2-Clause
// The types that the tests of the codecs send.
#pragma once

#include <duplex/rpc/archive.hpp>

#include <cereal/cereal.hpp>

#include <deque>
#include <list>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

namespace demo {

enum class color : std::uint8_t { red, green, blue };

struct point {
  std::int32_t x = 0;
  double y = 0;
  bool operator==(const point&) const = default;
};

struct tree {
  std::string name;
  std::vector<tree> kids;
  bool operator==(const tree&) const = default;
};

struct everything {
  bool yes = false;
  std::int8_t i8 = 0;
  std::uint64_t u64 = 0;
  std::int64_t i64 = 0;
  float f32 = 0;
  double f64 = 0;
  color tint = color::red;
  std::string text;
  std::vector<std::byte> blob;
  std::vector<std::uint8_t> octets;
  duplex::bytes slice;
  std::array<std::uint8_t, 4> address{};
  std::optional<point> at, nowhere;
  std::variant<std::monostate, std::int32_t, std::string, point> choice;
  std::vector<std::string> names;
  std::vector<bool> flags;
  std::list<std::int32_t> list;
  std::deque<point> deque;
  std::set<std::string> set;
  std::array<std::int32_t, 3> three{};
  std::pair<std::int32_t, std::string> pair;
  std::tuple<bool, point> tuple;
  std::map<std::string, std::vector<std::int32_t>> tags;
  std::map<std::int32_t, std::string> by_number;
  std::unordered_map<std::uint64_t, point> by_id;
  std::map<color, std::string> by_color;
  tree root;
  bool operator==(const everything&) const = default;
};

inline everything sample() {
  everything it;
  it.yes = true;
  it.i8 = -128;
  it.u64 = UINT64_MAX;
  it.i64 = INT64_MIN;
  it.f32 = 0.1F;
  it.f64 = -1.5e300;
  it.tint = color::blue;
  it.text = "caf\xc3\xa9 \"\\\n\x01";
  it.blob.assign(300, std::byte{7});
  it.octets = {0, 255, 128};
  it.slice = duplex::bytes{"slice"};
  it.address = {127, 0, 0, 1};
  it.at = point{3, 4.5};
  it.choice = point{1, 2};
  it.names = {"a", std::string(40, 'b'), ""};
  it.flags = {true, false, true};
  it.list = {1, -33, 70000};
  it.deque = {{1, 1}, {2, 2}};
  it.set = {"x", "y"};
  it.three = {1, 2, 3};
  it.pair = {-5, "five"};
  it.tuple = {true, {9, 9}};
  it.tags = {{"a", {1, -2, 70000}}, {"b", {}}};
  it.by_number = {{-1, "minus one"}, {1000, "thousand"}};
  it.by_id = {{UINT64_MAX, {1, 2}}};
  it.by_color = {{color::green, "go"}};
  it.root = {"root", {{"kid", {}}, {"kid2", {{"grand", {}}}}}};
  return it;
}

/// Those that write any type.
inline std::vector<duplex::rpc::codec_ptr> token_codecs() {
  return {duplex::rpc::msgpack(), duplex::rpc::cbor(), duplex::rpc::json()};
}

/// The text of the codec_error that `run` throws.
std::string error_of(auto run) {
  try {
    run();
  } catch (const duplex::rpc::codec_error& why) {
    return why.what();
  }
  return "no error";
}

/// Described as for cereal: members are private.
class task {
 public:
  task() = default;
  task(std::uint64_t id, std::string name) : id_(id), name_(std::move(name)) {}
  template <class Archive> void serialize(Archive& ar) {
    ar(CEREAL_NVP(id_), cereal::make_nvp("name", name_));
    ar(CEREAL_NVP(at_)) & CEREAL_NVP(priority_);
  }
  bool operator==(const task&) const = default;

 private:
  std::uint64_t id_ = 0;
  std::string name_ = "?";
  std::optional<point> at_ = point{1, 2};
  std::int32_t priority_ = 3;
};

}  // namespace demo
