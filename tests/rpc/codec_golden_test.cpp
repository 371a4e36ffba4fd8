// SPDX-License-Identifier: BSD-2-Clause
// tests/rpc/golden/<codec>.hex holds still what is on the wire. A difference is a change of the protocol.
#include <duplex/rpc/codec/cereal.hpp>

#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>

#include "messages.pb.h"
#include "tests/rpc/codec_types.hpp"

using namespace duplex;

namespace {

std::string hex(std::string_view bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    text.append({digits[byte >> 4], digits[byte & 15]});
    if (i % 32 == 31) text += '\n';
  }
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text;
}

std::string golden(std::string_view codec) {
  std::ifstream file{std::string{DUPLEX_SOURCE_DIR} + "/tests/rpc/golden/" + std::string{codec} + ".hex"};
  std::ostringstream text;
  text << file.rdbuf();
  return file ? text.str() : "there is no such file\n";
}

template <class T> std::string write(const rpc::codec& by, const T& value) {
  std::string out;
  rpc::encode(out, by, rpc::ops_of<T, rpc::cereal>(), &value, nullptr);
  return hex(out);
}

}  // namespace

TEST_CASE("codec: the wire is what the golden files hold", "[rpc]") {
  for (const auto& codec : {rpc::msgpack(), rpc::cbor(), rpc::json(), rpc::cereal_codec()}) {
    CAPTURE(std::string{codec->name()});
    CHECK(write(*codec, demo::sample()) == golden(codec->name()));
  }
  CHECK(write(*rpc::bytes_codec(), std::string{"as it is\n"}) == golden("bytes"));
  pb::Task task;
  task.set_id(42);
  task.set_name("compile");
  task.add_tags("fast");
  task.mutable_within()->set_id(1);
  CHECK(write(*rpc::protobuf_codec(), task) == golden("protobuf"));
}
