// SPDX-License-Identifier: BSD-2-Clause
#include "tests/rpc/waiting.hpp"

#include "rpc/call_frame.hpp"

using namespace duplex;
using namespace duplex::test;
using Catch::Contains;
using rpc::code;
using rpc::stream;
using rpc::task;
using rpc::detail::call_frame;
using rpc::detail::frame_kind;
using rpc::detail::parse_call_frame;

namespace {

std::string made(const call_frame& head) {
  std::string frame;
  rpc::detail::put_head(frame, head);
  frame += head.body;
  return frame;
}

channel calls(rpc_pair& f, const std::string& codec = "msgpack") {
  auto ch = f.near.open("hub", "@rpc", {"codec=" + codec});
  if (!ch) FAIL(ch.error().message());
  return *ch;
}

}  // namespace

TEST_CASE("hostile: a malformed frame ends its call channel and nothing else", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  const auto calc = f.near.use<demo::Calc>("hub");
  REQUIRE(calc.add(1, 2).get() == 3);
  const std::string call = made({.kind = frame_kind::call, .number = 1, .method = "demo.Calc.add", .body = "\x92\1\2"});
  for (const std::string& wrong :
       {std::string{}, std::string{"\0", 1}, std::string{"\x09\0\0\0\1", 5}, std::string{"GET / HTTP/1.1\r\n\r\n"},
        call.substr(0, 7), std::string(1000, '\xff')}) {
    auto ch = calls(f);
    REQUIRE(ch.write_frame(wrong));
    while (ch.read_frame()) continue;
    CHECK(calc.add(1, 2).get() == 3);
  }
}

TEST_CASE("hostile: frames about what is not there are ignored", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  auto ch = calls(f);
  REQUIRE(ch.write_frame(made({.kind = frame_kind::cancel, .number = 77})));
  REQUIRE(ch.write_frame(made({.kind = frame_kind::result, .number = 77, .body = "\1"})));
  REQUIRE(ch.write_frame(made({.kind = frame_kind::status, .number = 77, .code = code::aborted, .message = "x"})));
  REQUIRE(ch.write_frame(made({.kind = frame_kind::release, .body = "short"})));
  REQUIRE(ch.write_frame(made({.kind = frame_kind::release, .body = "12345678"})));
  REQUIRE(ch.write_frame(made({.kind = frame_kind::notify, .method = "demo.Calc.none", .body = "\x90"})));
  REQUIRE(ch.write_frame(made({.kind = frame_kind::call, .number = 1, .method = "demo.Calc.add", .items = "%"})));
  REQUIRE(ch.write_frame(made({.kind = frame_kind::call, .number = 2, .method = "demo.Calc.add", .body = "\x92\1\2"})));
  const auto refused = ch.read_frame();
  REQUIRE(refused);
  CHECK(parse_call_frame(refused->view())->code == code::internal);
  const auto answer = ch.read_frame();
  REQUIRE(answer);
  CHECK(parse_call_frame(answer->view())->number == 2);
  CHECK(parse_call_frame(answer->view())->body == "\3");
}

TEST_CASE("hostile: a number that is in use already ends the channel, and the call", "[rpc]") {
  seen<std::string> ended;
  rpc_pair f;
  REQUIRE(f.far.handle("t.hang", [&]() -> task<void> { co_await forever(&ended); }));
  auto ch = calls(f);
  const auto call = made({.kind = frame_kind::call, .number = 1, .method = "t.hang", .body = "\x90"});
  REQUIRE(ch.write_frame(call));
  REQUIRE(ch.write_frame(call));
  CHECK(!ch.read_frame());
  CHECK(ended.wait_for(1) == std::vector<std::string>{"aborted"});
}

TEST_CASE("hostile: what opens a method's channel and says nothing takes no place", "[rpc]") {
  std::atomic<int> served{0};
  rpc_pair f;
  REQUIRE(f.far.handle("t.one", [&] { return ++served; }, {.max_running = 1}));
  REQUIRE(f.near.method<int()>("t.one", "hub")().get() == 1);
  auto link = calls(f);
  std::vector<channel> silent;
  for (int i = 0; i < 5; ++i) {
    auto ch = link.open("t.one", {"codec=msgpack", "call=" + std::to_string(i), "channels=18446744073709551615"});
    REQUIRE(ch);
    if (i % 2 == 0) REQUIRE(ch->write_frame("\x90"));
    silent.push_back(*ch);
  }
  CHECK(f.near.method<int()>("t.one", "hub")().get() == 2);
  silent.clear();
  link = {};
  CHECK(f.near.method<int()>("t.one", "hub")().get() == 3);
}

TEST_CASE("hostile: garbage on a method's channel is an argument that is wrong", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  for (const auto* method : {"demo.Calc.add", "demo.Calc.sum", "demo.Calc.ticks"}) {
    auto ch = f.near.open("hub", method, {"codec=msgpack", "deadline=99999999999"});
    REQUIRE(ch);
    REQUIRE(ch->write_frame("\xc1\xff garbage"));
    const auto last = ch->trailers();
    REQUIRE(last);
    CHECK(last->at(0) == "status=3");
  }
  for (const auto* deadline : {"deadline=99999999999999999999", "deadline=soon", "deadline="}) {
    auto ch = f.near.open("hub", "demo.Calc.add", {"codec=msgpack", deadline});
    REQUIRE(ch);
    const auto last = ch->trailers();  // whatever comes: it is refused before
    REQUIRE(last);
    CHECK(last->at(0) == "status=3");
  }
  CHECK(f.near.use<demo::Calc>("hub").add(1, 2).get() == 3);
}

TEST_CASE("hostile: bombs are refused in every codec, and the channel goes on", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  struct bomb {
    std::string codec, nested, length, fine;
  };
  for (const auto& [codec, nested, length, fine] :
       {bomb{"msgpack", std::string(200000, '\x91'), "\xdd\xff\xff\xff\xff", "\x92\1\2"},
        bomb{"cbor", std::string(200000, '\x81'), "\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "\x82\1\2"},
        bomb{"json", std::string(200000, '['), "[1e999999,", "[1,2]"}}) {
    auto ch = calls(f, codec);
    for (const auto& body : {nested, length})
      REQUIRE(ch.write_frame(made({.kind = frame_kind::call, .number = 1, .method = "demo.Calc.add", .body = body})));
    REQUIRE(ch.write_frame(made({.kind = frame_kind::call, .number = 2, .method = "demo.Calc.add", .body = fine})));
    for (int i = 0; i < 2; ++i) {
      const auto refused = ch.read_frame();
      REQUIRE(refused);
      CHECK(parse_call_frame(refused->view())->code == code::invalid_argument);
    }
    const auto answer = ch.read_frame();
    REQUIRE(answer);
    CHECK(parse_call_frame(answer->view())->kind == frame_kind::result);
  }
}
