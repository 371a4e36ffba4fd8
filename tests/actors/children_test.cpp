// SPDX-License-Identifier: BSD-2-Clause
// Channels of channels.
#include "tests/actors/raw_client.hpp"

#include <boost/asio/use_future.hpp>
#include <caf/all.hpp>

using namespace duplex;
using namespace duplex::test;

namespace {

/// A parent channel from me to hub, and children of it on demand.
struct family : pair {
  explicit family(options settings = {}) : pair(settings) { std::tie(near, far) = open("parent"); }

  std::pair<channel, channel> child(channel& of, channel& at, std::string_view service = "child") {
    auto one = of.open(service, {"k=v"});
    if (!one) FAIL(one.error().message());
    auto other = at.accept();
    if (!other) FAIL(other.error().message());
    return {*one, *other};
  }

  channel near, far;
};

errc code_of(const auto& outcome) { return outcome.error().code(); }

}  // namespace

TEST_CASE("children: either side opens them, to any depth, and they are channels as any other", "[children]") {
  family f;
  channel near = f.near, far = f.far;
  std::vector<std::pair<channel, channel>> all;
  for (int depth = 0; depth < 6; ++depth) {
    const bool from_me = depth % 2 == 0;
    auto [one, other] = from_me ? f.child(near, far, "level") : f.child(far, near, "level");
    CHECK(other.meta()->service == "level");
    CHECK(other.meta()->headers == std::vector<std::string>{"k=v"});
    CHECK(other.meta()->remote_peer == (from_me ? "me" : "hub"));
    REQUIRE(one.write_frame("down"));
    CHECK(other.read_frame()->view() == "down");
    REQUIRE(other.write_frame("up"));
    CHECK(one.read_frame()->view() == "up");
    near = from_me ? one : other;
    far = from_me ? other : one;
    all.emplace_back(near, far);
  }
  REQUIRE(f.near.close());  // the whole line ends
  for (auto& [one, other] : all) {
    CHECK(code_of(other.read_frame()) == errc::end_of_stream);
    CHECK_FALSE(one.read_frame());
  }
}

TEST_CASE("children: the peer's accept never sees them, nor the parent's data the child's", "[children]") {
  family f;
  auto everything = f.hub.async_accept("", asio::use_future);
  auto [near, far] = f.child(f.near, f.far, "x");
  REQUIRE(near.write("child"));
  REQUIRE(f.near.write("parent"));
  CHECK(far.read()->view() == "child");
  CHECK(f.far.read()->view() == "parent");
  CHECK(everything.wait_for(0s) == std::future_status::timeout);
}

TEST_CASE("children: closing the parent closes a hundred, after what was written, and says why", "[children]") {
  options narrow;
  narrow.max_channels = 101;
  family f{narrow};
  std::vector<std::pair<channel, channel>> all;
  for (int i = 0; i < 100; ++i) {
    all.push_back(f.child(f.near, f.far));
    REQUIRE(all.back().first.write_frame(pattern(20'000)));
  }
  CHECK(code_of(f.near.open("one-too-many")) == errc::resource_exhausted);
  const bool at_the_opener = GENERATE(true, false);
  if (at_the_opener)
    REQUIRE(f.near.close());
  else
    REQUIRE(f.far.close());
  for (auto& [near, far] : all) {
    auto& left = at_the_opener ? far : near;
    if (at_the_opener) CHECK((left.read_frame()->view() == pattern(20'000)));
    CHECK(code_of(left.read_frame()) == errc::end_of_stream);
    REQUIRE(left.trailers());
    CHECK(left.meta()->status() == 2);
    CHECK(left.meta()->trailer("reason") == "its parent channel was closed");
    CHECK(code_of((at_the_opener ? near : far).write("x")) == errc::closed);
  }
  all.clear();
  CHECK(eventually([&] {  // and each has made room
    std::vector<channel> fresh;
    for (int i = 0; i < 101; ++i)
      if (auto ch = f.me.open("hub", "parent")) fresh.push_back(*ch);
    return fresh.size() == 101;
  }));
}

TEST_CASE("children: what the remote side sent and closed is read although the parent is closed", "[children]") {
  family f;
  auto child = f.near.open("late");
  REQUIRE(child);
  REQUIRE(child->write_frame("kept"));
  REQUIRE(child->close());
  REQUIRE(f.near.close());
  CHECK(code_of(f.far.read()) == errc::end_of_stream);
  auto far = f.far.accept();
  REQUIRE(far);
  CHECK(far->read_frame()->view() == "kept");
  CHECK(code_of(far->read_frame()) == errc::end_of_stream);
  CHECK(code_of(f.far.accept()) == errc::end_of_stream);
}

TEST_CASE("children: a service may open one as soon as it has its channel", "[children]") {
  seen<std::string> outcome;
  pair p{GENERATE(as<std::string>{}, "tcp://127.0.0.1:0", "inproc://eager")};
  REQUIRE(p.hub.serve("eager", [&outcome](channel ch) -> asio::awaitable<void> {
    auto child = co_await ch.async_open("back");
    outcome.add(child ? "open" : child.error().message());
    (void)co_await ch.async_read();
  }));
  auto near = p.me.open("hub", "eager");
  REQUIRE(near);
  REQUIRE(outcome.wait_for(1) == std::vector<std::string>{"open"});
  CHECK(near->accept()->meta()->service == "back");
}

TEST_CASE("children: accept ends with the parent, and waits through a half-close", "[children]") {
  family f;
  auto waiting = f.far.async_accept(asio::use_future);
  REQUIRE(f.near.close_write());
  CHECK(code_of(f.far.read()) == errc::end_of_stream);
  auto child = f.near.open("after-eof");
  REQUIRE(child);
  REQUIRE(waiting.wait_for(patience) == std::future_status::ready);
  CHECK(waiting.get()->meta()->service == "after-eof");
  auto last = f.far.async_accept(asio::use_future);
  const bool here = GENERATE(true, false);
  if (here)
    REQUIRE(f.far.close());
  else
    REQUIRE(f.near.close());
  REQUIRE(last.wait_for(patience) == std::future_status::ready);
  CHECK(code_of(last.get()) == (here ? errc::closed : errc::end_of_stream));
  const auto late = code_of(f.near.open("late"));  // the open may cross the close
  CHECK((late == errc::closed || late == errc::not_found));
}

TEST_CASE("children: an open on a channel that is closed over there, with data still unread, says so", "[children]") {
  family f;
  REQUIRE(f.far.write_frame("unread"));
  REQUIRE(f.far.close());
  auto late = f.near.async_open("late", asio::use_future);
  REQUIRE(late.wait_for(patience) == std::future_status::ready);
  CHECK_FALSE(late.get());
  auto silent = f.near.async_trailers(asio::use_future);
  REQUIRE(silent.wait_for(patience) == std::future_status::ready);
  CHECK(code_of(silent.get()) == errc::closed);
  CHECK(f.near.read_frame()->view() == "unread");
}

TEST_CASE("children: those that nobody took leave nothing behind when their parent is closed", "[children]") {
  options narrow;
  narrow.max_channels = 2;
  family f{narrow};
  for (int round = 0; round < 3; ++round) {
    auto child = f.near.open("child");
    REQUIRE(child);
    REQUIRE(child->write_frame("never read"));
    REQUIRE(child->close());
    REQUIRE(f.far.close());  // without having accepted
    CHECK(code_of(f.near.read()) == errc::end_of_stream);
    REQUIRE(eventually([&] {
      auto next = f.me.open("hub", "parent");
      if (next) f.near = *next;
      return next.error().code() == errc::none;
    }));
    f.far = *f.hub.accept("parent");
  }
}

TEST_CASE("children: those that nobody accepts are bounded, and the next is told so", "[children]") {
  options small;
  small.accept_queue = 2;
  family f{small};
  auto one = f.near.open("one");
  auto two = f.near.open("two");
  auto three = f.near.open("three");
  REQUIRE(one);
  REQUIRE(two);
  CHECK(code_of(three) == errc::resource_exhausted);
  CHECK(three.error().context().find("option accept_queue") != std::string::npos);
  CHECK(f.far.accept()->meta()->service == "one");
  CHECK(f.near.open("four"));
  CHECK(f.far.accept()->meta()->service == "two");
  CHECK(f.far.accept()->meta()->service == "four");
}

TEST_CASE("children: bad names and headers are refused as a peer's opens are", "[children]") {
  family f;
  CHECK(code_of(f.near.open("no blanks")) == errc::invalid_argument);
  CHECK(code_of(f.near.open("big", {std::string(40'000, 'x')})) == errc::resource_exhausted);
  CHECK(code_of(channel{}.open("x")) == errc::closed);
  CHECK(code_of(channel{}.accept()) == errc::closed);
}

TEST_CASE("children: they are lost with the session, parent and all", "[children]") {
  family f;
  auto [near, far] = f.child(f.near, f.far);
  auto waiting = f.near.async_accept(asio::use_future);
  REQUIRE(f.hub.drop("me"));
  CHECK(code_of(near.read()) == errc::connection_lost);
  REQUIRE(waiting.wait_for(patience) == std::future_status::ready);
  CHECK(code_of(waiting.get()) == errc::connection_lost);
}

TEST_CASE("children: an exit message to the parent ends them, too", "[children]") {
  family f;
  auto [near, far] = f.child(f.near, f.far);
  caf::anon_send_exit(f.near.actor(), caf::exit_reason::user_shutdown);
  CHECK(code_of(far.read()) == errc::end_of_stream);
  CHECK(code_of(near.read()) == errc::closed);
  CHECK(code_of(f.far.read()) == errc::end_of_stream);
}

TEST_CASE("children: open and accept as messages", "[children]") {
  family f;
  caf::scoped_actor self{f.rt.system()};
  channel_actor near, far;
  const std::vector<std::string> headers{"a=b"};
  self->request(f.near.actor(), patience, open_atom_v, std::string{"child"}, headers)
      .receive([&](const caf::actor& made) { near = caf::actor_cast<channel_actor>(made); },
               [](const caf::error& why) { FAIL(from_caf(why).message()); });
  self->request(f.far.actor(), patience, accept_atom_v)
      .receive([&](const caf::actor& made) { far = caf::actor_cast<channel_actor>(made); },
               [](const caf::error& why) { FAIL(from_caf(why).message()); });
  self->request(far, patience, meta_atom_v)
      .receive([&](const meta& about) { CHECK(about.headers == headers); },
               [](const caf::error& why) { FAIL(from_caf(why).message()); });
  self->monitor(far);
  caf::anon_send(f.near.actor(), close_atom_v);
  self->receive([&](const caf::down_msg& down) {
    CHECK(down.source == far.address());
    bool trailed = false;
    CHECK(trailers_of(down.reason, trailed).at(0) == "status=2");
  });
}

TEST_CASE("children: of a parent that is unknown, closed, or of another session are refused", "[children]") {
  pair p;
  REQUIRE(p.hub.serve("parent"));
  raw_client one{p.where, test_key()}, other{p.where, test_key()};
  auto parent = one.open("parent", "duplex/1;id=7;;");
  REQUIRE(parent->opened);
  auto kept = p.hub.accept("parent");
  REQUIRE(kept);
  CHECK(parent->last_signal() == "accept@duplex ");

  CHECK(one.open("c", "duplex/1;id=8;parent=c9;;")->last_signal() ==
        "trailers@duplex status=20;reason=its parent is no open channel of this session;");
  CHECK(one.open("c", "duplex/1;id=9;parent=s7;;")->last_signal().starts_with("trailers@duplex status=20;"));
  CHECK(other.open("c", "duplex/1;id=1;parent=c7;;")->last_signal().starts_with("trailers@duplex status=20;"));

  auto child = one.open("c", "duplex/1;id=10;parent=c7;;");
  CHECK(child->last_signal() == "accept@duplex ");
  auto taken = kept->accept();
  REQUIRE(taken);
  // A client that closes the parent alone: the child goes all the same.
  ssh_channel_close(parent->raw);
  CHECK(code_of(kept->read()) == errc::end_of_stream);
  CHECK_FALSE(taken->read());
  CHECK(one.open("c", "duplex/1;id=11;parent=c7;;")->last_signal().starts_with("trailers@duplex status=20;"));
}
