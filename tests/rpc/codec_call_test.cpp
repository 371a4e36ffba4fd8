// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/rpc/codec/cereal.hpp>

#include "tests/rpc/support.hpp"

using namespace duplex;
using namespace duplex::test;
using Catch::Contains;

namespace {

struct point {
  int x = 0, y = 0;
  friend bool operator==(const point&, const point&) = default;
};

struct Shapes {
  rpc::fn<point(point, int), rpc::speaks<rpc::cereal>> scale;
  rpc::fn<std::string(std::string)> echo;
  rpc::fn<rpc::stream<point>(int), rpc::speaks<rpc::cereal>> line;
};

/// A codec that the other side does not know.
class yaml final : public rpc::codec {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "yaml"; }
  void encode(std::string& out, rpc::value_source value, rpc::handles* scope) const override {
    rpc::msgpack()->encode(out, value, scope);
  }
  void decode(std::string_view in, const rpc::codec_limits& limits, rpc::value_target value,
              rpc::handles* scope) const override {
    rpc::msgpack()->decode(in, limits, value, scope);
  }
};

Shapes shapes() {
  return {.scale =
              [](point p, int by) {
                return point{p.x * by, p.y * by};
              },
          .echo = [](std::string text) { return text; },
          .line = [](int n) -> rpc::stream<point> {
            for (int i = 0; i < n; ++i) co_yield point{i, -i};
          }};
}

}  // namespace

TEST_CASE("codecs: each codec carries calls, several at once on one session", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(shapes()));
  for (const auto* codec : {"msgpack", "cbor", "json", "cereal"}) {
    CAPTURE(codec);
    const auto there = f.near.use<Shapes>("hub", {.codec = codec});
    CHECK(there.scale({1, 2}, 3).get() == point{3, 6});
    std::vector<point> got;
    for (const auto& p : there.line(2)) got.push_back(p);
    CHECK(got == std::vector<point>{{0, 0}, {1, -1}});
  }
}

TEST_CASE("codecs: bytes pass through where the method takes one string", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(shapes()));
  const auto there = f.near.use<Shapes>("hub", {.codec = "bytes"});
  const std::string any{"\xff\x00 any bytes", 12};
  CHECK(there.echo(any).get() == any);
  CHECK(text_of_call([&] {
          there.scale({1, 2}, 3).get();
        }) == "invalid_argument: Shapes.scale: codec 'bytes' takes exactly one string or bytes, not (point, i32)");
}

TEST_CASE("codecs: one that is not known is refused, here and there, with those that are", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(shapes()));
  CHECK(text_of_call([&] { (void)f.near.use<Shapes>("hub", {.codec = "yaml"}); }) ==
        "unimplemented: codec 'yaml' is not known here; known are bytes, cbor, cereal, json, msgpack, protobuf");
  f.near.add_codec(std::make_shared<yaml>());
  const auto there = f.near.use<Shapes>("hub", {.codec = "yaml"});
  const auto refused =
      "unimplemented: codec 'yaml' is not known here; known are bytes, cbor, cereal, json, msgpack, protobuf";
  CHECK(text_of_call([&] { there.echo("x").get(); }) == refused);
}
