// SPDX-License-Identifier: BSD-2-Clause
#include "actors/inbox.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace std::literals;
using duplex::detail::inbox;

namespace {

duplex::frames batch(std::initializer_list<std::string_view> payloads) {
  duplex::frame_writer writer;
  for (const auto payload : payloads) writer.put(payload);
  return writer.take();
}

}  // namespace

TEST_CASE("inbox: frames are taken one by one or together, and credit is their size on the wire", "[inbox]") {
  inbox in{false};
  CHECK_FALSE(in.take_frame());
  CHECK_FALSE(in.take_frames());
  in.put(batch({"one", "two", "three"}));
  CHECK(in.take_frame() == duplex::bytes{"one"});
  CHECK(in.take_credit() == 7);
  CHECK(in.take_credit() == 0);
  CHECK(in.has_frames());
  CHECK(in.take_frames()->count() == 2);
  CHECK(in.take_credit() == 16);
  CHECK_FALSE(in.has_frames());
}

TEST_CASE("inbox: frames taken as bytes are as they travel, or lines", "[inbox]") {
  inbox framed{false}, lines{true};
  framed.put(batch({"ab", "c"}));
  CHECK(framed.take_bytes(7)->view() == "\0\0\0\2ab\0"sv);
  CHECK(framed.take_credit() == 7);
  CHECK_FALSE(framed.has_frames());
  CHECK(framed.take_bytes(100)->view() == "\0\0\1c"sv);
  CHECK(framed.take_credit() == 4);
  lines.put(batch({"ab", "c"}));
  CHECK(lines.take_bytes(4)->view() == "ab\nc");
  CHECK(lines.take_bytes(4)->view() == "\n");
  CHECK(lines.take_credit() == 11);
}

TEST_CASE("inbox: what is given away is all of it, in its order", "[inbox]") {
  inbox in{false};
  CHECK(in.take_all().empty());
  in.put(batch({"ab"}));
  CHECK(in.take_bytes(5)->view() == "\0\0\0\2a"sv);
  in.put(batch({"c"}));
  CHECK(in.take_all().view() == "b\0\0\0\1c"sv);
  CHECK_FALSE(in.has_frames());
  CHECK_FALSE(in.take_bytes(1));
  CHECK(in.take_credit() == 11);
}

TEST_CASE("inbox: bytes that came as such are taken like others, without credit", "[inbox]") {
  inbox in{false};
  CHECK_FALSE(in.has_bytes());
  in.put(duplex::bytes{"abcdef"});
  CHECK(in.has_bytes());
  CHECK_FALSE(in.has_frames());
  CHECK_FALSE(in.take_frame());
  CHECK(in.take_bytes(4)->view() == "abcd");
  CHECK(in.take_bytes(4)->view() == "ef");
  CHECK(in.take_credit() == 0);
  in.put(duplex::bytes{"xy"});
  in.put(batch({"z"}));
  CHECK(in.take_all().view() == "xy\0\0\0\1z"sv);
  CHECK(in.take_credit() == 5);
}
