// SPDX-License-Identifier: BSD-2-Clause
// The forms are vectors of docs/protocol.md (protocol_test.cpp); here is what takes more than a line.
#include "transport/hello.hpp"
#include "transport/open_record.hpp"

#include <duplex/percent.hpp>

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

using namespace duplex;
using namespace duplex::transport;
using strings = std::vector<std::string>;

TEST_CASE("hello: what is said is heard", "[hello]") {
  const hello said{"hub", instance_id(), "duplex 1; 100%\n", 1 << 20, 4096};
  const auto heard = hello::from_items(said.to_items());
  REQUIRE(heard);
  CHECK(heard->name == said.name);
  CHECK(heard->instance == said.instance);
  CHECK(heard->version == said.version);
  CHECK(heard->max_frame == said.max_frame);
  CHECK(heard->max_open_record == said.max_open_record);
}

TEST_CASE("hello: the largest one fits into the record of the control channel", "[hello]") {
  const hello said{std::string(255, 'n'), instance_id(), "duplex 100.100.100", UINT64_MAX, UINT64_MAX};
  CHECK(open_record{0, {}, said.to_items()}.encode().size() <= max_control_frame);
}

TEST_CASE("hello: names are checked, the empty one claims none", "[hello]") {
  const auto with = [](const std::string& name) { return hello::from_items({"name=" + name, "instance=i"}); };
  CHECK(with(""));
  CHECK(with("a"));
  CHECK(with(std::string(255, 'a')));
  for (const auto& bad : strings{std::string(256, 'a'), "a b", "\x1b[31m", "a\n"})
    CHECK(with(bad).error().code() == errc::malformed);
}

TEST_CASE("hello: a limit that is no number is refused, an absent one is the default", "[hello]") {
  for (const std::string key : {"max_frame", "max_open_record"})
    for (const std::string value : {"", "x", "1x", "-1", " 1", "18446744073709551616"}) {
      INFO(key << '=' << value);
      CHECK(hello::from_items({"instance=i", key + '=' + value}).error().code() == errc::malformed);
    }
  const auto bare = hello::from_items({"instance=i"});
  REQUIRE(bare);
  CHECK(bare->max_frame == 16U << 20);
  CHECK(bare->max_open_record == 32U << 10);
}

TEST_CASE("hello: the instance is 32 digits and stays the same within a process", "[hello]") {
  const auto& id = instance_id();
  CHECK(id.size() == 32);
  CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(id.find_first_not_of(id[0]) != std::string::npos);
  CHECK(instance_id() == id);
}

TEST_CASE("hello: whatever a control frame holds is taken or refused", "[hello]") {
  const strings corpus{control_frame{"later", hello{"hub", instance_id(), "duplex 0.1.0", 1, 2}.to_items()}.encode(),
                       "ping;number=1;", "goodbye;status=2;reason=a%3Bb;", ";", ""};
  static constexpr std::string_view bytes = ";;%=09af\0\xff\n";
  std::mt19937 random{5};
  std::size_t heard = 0;
  for (int i = 0; i < 50'000; ++i) {
    auto text = corpus[random() % corpus.size()];
    for (auto edits = random() % 3; edits != 0; --edits) {
      const auto at = random() % (text.size() + 1);
      if (random() % 2 == 0)
        text.insert(at, 1, bytes[random() % bytes.size()]);
      else
        text.erase(at, random() % 8);
    }
    const auto frame = control_frame::decode(text);
    if (!frame) continue;
    const auto again = control_frame::decode(frame->encode());
    REQUIRE(again);
    REQUIRE(again->word == frame->word);
    REQUIRE((again->items == frame->items));
    if (hello::from_items(frame->items)) ++heard;
  }
  CHECK(heard > 1000);
}
