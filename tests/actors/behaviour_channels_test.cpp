// SPDX-License-Identifier: BSD-2-Clause
// What every transport does alike: opening channels, their names and limits, children, channels that are sent.
#include "tests/actors/site.hpp"

using namespace duplex;
using namespace duplex::test;

namespace {

/// Whether `ch` leads to an echo.
bool echoes(channel& ch, const std::string& text) {
  if (!ch.write_frame(text)) return false;
  auto got = ch.read_frame();
  return got && *got == text;
}

std::vector<std::string> frames_of(channel& ch) {
  std::vector<std::string> all;
  while (auto got = ch.read_frame()) all.emplace_back(got->view());
  return all;
}

}  // namespace

BEHAVIOUR("both sides know each other's name and key") {
  site s{over};
  const auto known = *s.me.peers();
  REQUIRE(known.size() == 1);
  CHECK(known.front().name == "hub");
  CHECK(known.front().fingerprint == site::hub_key().fingerprint());
  CHECK(known.front().version == std::string{"duplex "} + version);
  CHECK(known.front().sessions == 1);
  CHECK(known.front().address == s.where);
  CHECK(*s.me.next_peer() == "hub");

  auto ch = s.open("about");
  const auto here = *ch.meta();
  CHECK(here.service == "about");
  CHECK(here.local_peer == "me");
  CHECK(here.remote_peer == "hub");
  CHECK(here.remote_key == site::hub_key().fingerprint());
  CHECK(here.remote_address == s.where);
  CHECK_FALSE(here.stock);
  CHECK(frames_of(ch) == std::vector<std::string>{"about", "hub", "me", site::my_key().fingerprint()});
}

BEHAVIOUR("either side lists the other and gets its pings answered") {
  site s{over};
  const auto pong = s.me.ping("hub");
  REQUIRE(pong);
  CHECK(pong->peer.name == "hub");
  CHECK(pong->round_trip > 0ns);
  CHECK(code_of(s.me.ping("nobody")) == errc::not_connected);
  auto ch = s.open("peers");
  CHECK(frames_of(ch) == std::vector<std::string>{"me"});
  REQUIRE(ch.trailers());
  CHECK(ch.meta()->status() == 0);
}

BEHAVIOUR("headers keep their order, duplicates and odd characters") {
  site s{over};
  const std::vector<std::string> headers{"b=2", "a=1", "a=1", "", "c", "d=;%\n", "\xC3\xA9", std::string(20'000, 'h')};
  auto ch = s.open("about", headers);
  CHECK(ch.meta()->headers == headers);
  auto seen_there = frames_of(ch);
  REQUIRE(seen_there.size() == headers.size() + 4);
  seen_there.erase(seen_there.begin(), seen_there.begin() + 4);
  CHECK((seen_there == headers));
}

BEHAVIOUR("what cannot be opened fails with the same error") {
  site s{over, options{.max_open_record = 1000}, {}};
  const auto refused = [&s](std::string_view service, const std::vector<std::string>& headers = {}) {
    return code_of(s.me.open("hub", service, headers));
  };
  CHECK(refused("nothing") == errc::unknown_service);
  CHECK(s.me.open("hub", "nothing").error().context() == "open 'nothing': 'nothing' is not served here");
  CHECK(refused("@duplex") == errc::refused);
  CHECK(refused("no blanks") == errc::invalid_argument);
  CHECK(refused("") == errc::invalid_argument);
  CHECK(refused(std::string(256, 'n')) == errc::invalid_argument);
  CHECK(refused("echo", {std::string(990, 'h')}) == errc::resource_exhausted);
  CHECK(refused("echo", {std::string("\0", 1)}) == errc::invalid_argument);
  CHECK(code_of(s.me.open("nobody", "echo")) == errc::not_connected);
  auto ch = s.open("echo", {std::string(900, 'h')});
  CHECK(echoes(ch, "still here"));
}

BEHAVIOUR("the hub opens channels to who connected to it") {
  site s{over};
  REQUIRE(s.me.serve("callback"));
  auto ch = s.open("back", {"why=so", "2"});
  auto called = *s.me.accept("callback");
  CHECK(called.meta()->headers == std::vector<std::string>{"why=so", "2"});
  CHECK(called.meta()->remote_peer == "hub");
  CHECK(called.meta()->remote_key == site::hub_key().fingerprint());
  REQUIRE(ch.write_frame("there"));
  CHECK(called.read_frame()->view() == "there");
  REQUIRE(called.write_frame(pattern(2'000'000)));
  REQUIRE(called.write_error("beside"));
  CHECK((ch.read_frame()->view() == pattern(2'000'000)));
  CHECK(ch.read_error()->view() == "beside");
  REQUIRE(called.write_trailers({"status=9"}));
  REQUIRE(called.close());
  REQUIRE(ch.trailers());
  CHECK(ch.meta()->status() == 9);
}

BEHAVIOUR("what is not served here is refused to the hub") {
  site s{over};
  auto ch = s.open("back");
  REQUIRE(ch.trailers());
  CHECK(ch.meta()->status() == static_cast<std::uint32_t>(errc::unknown_service));
}

BEHAVIOUR("children go to any depth and end with their parent") {
  site s{over};
  std::vector<channel> line{s.open("family")};
  for (int depth = 0; depth < 5; ++depth) {
    auto child = line.back().open("level", {"k=v"});
    if (!child) FAIL(child.error().message());
    CHECK(echoes(*child, "level " + std::to_string(depth)));
    line.push_back(*child);
  }
  for (auto& each : line) CHECK(echoes(each, "all at once"));
  CHECK(code_of(line.back().open("no blanks")) == errc::invalid_argument);
  REQUIRE(line[1].close());
  for (std::size_t i = 2; i < line.size(); ++i) CHECK_FALSE(line[i].read_frame());
  CHECK(code_of(line[1].open("late")) == errc::closed);
  CHECK(echoes(line[0], "not the parent's parent"));
}

BEHAVIOUR("the hub opens children here, which end with the parent there") {
  site s{over};
  auto parent = s.open("parent", {"count=20"});
  std::vector<channel> all;
  for (int i = 0; i < 20; ++i) {
    auto child = parent.accept();
    if (!child) FAIL(child.error().message());
    CHECK(child->meta()->service == "child");
    CHECK(child->meta()->header("index") == std::to_string(i));
    CHECK(echoes(*child, "to a child"));
    all.push_back(*child);
  }
  REQUIRE(parent.close_write());  // it closes then
  for (auto& child : all) {
    CHECK(code_of(child.read_frame()) == errc::end_of_stream);
    REQUIRE(child.trailers());
    CHECK(child.meta()->status() == 2);
    CHECK(child.meta()->trailer("reason") == "its parent channel was closed");
  }
  CHECK(code_of(parent.accept()) == errc::end_of_stream);
}

BEHAVIOUR("a channel that is sent to the hub is that channel there") {
  site s{over};
  REQUIRE(s.me.serve("callback"));
  auto near = s.open("back", {"lang=en"});
  auto far = *s.me.accept("callback");
  REQUIRE(near.write_frame("ahead"));
  auto way = s.open("receive");
  REQUIRE(way.send(far));
  CHECK(near.read_frame()->view() == "ahead");
  for (int i = 0; i < 100; ++i) REQUIRE(near.write_frame(pattern(10'000, static_cast<std::size_t>(i))));
  REQUIRE(near.close_write());
  int next = 0;
  while (auto got = near.read_frame()) {
    CHECK((*got == pattern(10'000, static_cast<std::size_t>(next))));
    ++next;
  }
  CHECK(next == 100);
}

BEHAVIOUR("a channel that the hub sends is that channel here") {
  site s{over};
  REQUIRE(s.me.serve("callback"));
  auto way = s.open("give");
  auto far = *s.me.accept("callback");
  auto got = *way.accept();
  CHECK(got.meta()->service == "callback");
  CHECK(got.meta()->relayed == std::vector<std::string>{"me " + site::my_key().fingerprint()});
  REQUIRE(got.write_frame("one"));
  CHECK(far.read_frame()->view() == "one");
  REQUIRE(far.write_frame("two"));
  REQUIRE(far.close());
  CHECK(got.read_frame()->view() == "two");
  CHECK(code_of(got.read_frame()) == errc::end_of_stream);
}

BEHAVIOUR("a hundred channels work at once, and their places are free again") {
  site s{over, {.max_channels = 100}};
  for (int round = 0; round < 3; ++round) {
    std::vector<channel> all;
    REQUIRE(eventually([&] {  // those of the last round close in the background
      while (auto ch = s.me.open("hub", "echo")) all.push_back(*ch);
      return all.size() == 100;
    }));
    for (std::size_t i = 0; i < all.size(); ++i) REQUIRE(all[i].write_frame(pattern(3'000, i)));
    for (std::size_t i = all.size(); i-- > 0;) CHECK((all[i].read_frame()->view() == pattern(3'000, i)));
  }
}

BEHAVIOUR("max_channels of either side holds") {
  const bool mine = GENERATE(true, false);
  const options few{.max_channels = 3}, many;
  site s{over, mine ? many : few, mine ? few : many};
  std::vector<channel> held;
  for (int i = 0; i < 3; ++i) held.push_back(s.open("echo"));
  CHECK(code_of(s.me.open("hub", "echo")) == (mine ? errc::resource_exhausted : errc::refused));
  CHECK(echoes(held.front(), "as before"));
  held.clear();
  CHECK(eventually([&] { return s.me.open("hub", "echo").has_value(); }));
}

BEHAVIOUR("channels that nobody accepts are bounded") {
  site s{over, {.accept_queue = 2}};
  std::vector<channel> waiting;
  for (int i = 0; i < 2; ++i) waiting.push_back(s.open("queue"));
  const auto full = s.me.open("hub", "queue").error();
  CHECK(full.code() == errc::resource_exhausted);
  CHECK(full.context() == "open 'queue': 2 channels wait to be accepted (option accept_queue)");

  auto parent = s.open("hold");
  for (int i = 0; i < 2; ++i) waiting.push_back(*parent.open("child"));
  CHECK(code_of(parent.open("child")) == errc::resource_exhausted);
  auto ch = s.open("echo");
  CHECK(echoes(ch, "others go on"));
}
