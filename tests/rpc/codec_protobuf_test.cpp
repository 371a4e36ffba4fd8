// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include "messages.pb.h"
#include "tests/rpc/codec_types.hpp"

using namespace duplex;

namespace {

pb::Task sample() {
  pb::Task it;
  it.set_id(42);
  it.set_name("compile");
  it.add_tags("fast");
  it.mutable_within()->set_id(1);
  return it;
}

}  // namespace

TEST_CASE("protobuf: a message travels as protobuf has it", "[rpc]") {
  const auto message = rpc::encode(*rpc::protobuf_codec(), sample());
  CHECK(message == sample().SerializeAsString());
  CHECK(rpc::decode<pb::Task>(*rpc::protobuf_codec(), message).name() == "compile");
  CHECK(rpc::encode(*rpc::protobuf_codec(), std::tuple{sample()}) == message);
  CHECK(std::get<0>(rpc::decode<std::tuple<pb::Task>>(*rpc::protobuf_codec(), message)).within().id() == 1);
  CHECK(rpc::encode(*rpc::protobuf_codec(), std::monostate{}).empty());
}

TEST_CASE("protobuf: in the other codecs a message is bytes", "[rpc]") {
  for (const auto& codec : demo::token_codecs()) {
    const auto message = rpc::encode(*codec, std::vector{sample(), sample()});
    CHECK(rpc::decode<std::vector<pb::Task>>(*codec, message)[1].tags(0) == "fast");
  }
  rpc::describer types;
  CHECK(types.type<std::tuple<pb::Task>>() == "(pb.Task)");
}

TEST_CASE("protobuf: a broken message is an error that names the type", "[rpc]") {
  const auto message = sample().SerializeAsString();
  const auto read = [](const std::string& in) {
    return demo::error_of([&] { rpc::decode<pb::Task>(*rpc::protobuf_codec(), in); });
  };
  CHECK(read(message.substr(0, message.size() - 1)) == "message ends early");
  CHECK(read(message + '\4') == "groups, or what is no protobuf message");
  CHECK(read("\xff\xff\xff") == "message ends early");
  CHECK(read(std::string{"\0\1", 2}) == "expected a protobuf message of type pb.Task");  // a field without a number
  for (std::size_t size = 1; size < message.size(); ++size) read(message.substr(0, size));
}

TEST_CASE("protobuf: few bytes do not become much memory", "[rpc]") {
  const auto read = [](std::string_view field, const rpc::codec_limits& limits) {
    std::string in;
    for (int i = 0; i < 100'000; ++i) in += field;
    return demo::error_of([&] { rpc::decode<pb::Task>(*rpc::protobuf_codec(), in, limits); });
  };
  using namespace std::string_literals;
  for (const auto& field : {"\x22\x00"s, "\x1a\x00"s, "\x78\x00"s, "\x7a\x00"s}) {  // message, string, unknown fields
    CHECK(read(field, {}) == "no error");
    CHECK(read(field, {.memory = 1'000'000}) == "would take more than 1000000 bytes of memory");
    CHECK(read(field, {.elements = 1000}) == "more than 1000 elements");
  }
}

TEST_CASE("protobuf: a nesting bomb is refused", "[rpc]") {
  pb::Task nested;
  for (int i = 0; i < 100; ++i) {
    pb::Task outer;
    outer.mutable_within()->Swap(&nested);
    nested.Swap(&outer);
  }
  const auto message = nested.SerializeAsString();
  CHECK_THROWS_AS(rpc::decode<pb::Task>(*rpc::protobuf_codec(), message), rpc::codec_error);
  CHECK_NOTHROW(rpc::decode<pb::Task>(*rpc::protobuf_codec(), message, {.depth = 101}));
}
