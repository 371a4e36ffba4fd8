// SPDX-License-Identifier: BSD-2-Clause
// A busy peer that shuts down: says goodbye, takes nothing new, lets what is there finish.
#include "tests/actors/footprint.hpp"

#include <boost/asio/use_future.hpp>

using namespace duplex;
using namespace duplex::test;

namespace {

struct busy_pair : private transport_tests::folder, pair {
  explicit busy_pair(std::string_view kind, std::chrono::milliseconds linger)
      : pair(endpoint_of(kind, *this),
             options{.open_timeout = 50ms, .reconnect_delay = 1ms, .reconnect_delay_max = 20ms, .linger = linger}) {}
};

template <class T> bool is_done(const std::future<T>& what) {
  return what.wait_for(patience) == std::future_status::ready;
}

}  // namespace

TEST_CASE("drain: new opens are refused on both sides, the channels there are go on to their end", "[drain]") {
  const std::string kind = GENERATE("tcp", "unix", "inproc");
  const bool by_acceptor = GENERATE(true, false);
  busy_pair p{kind, 1min};
  REQUIRE(p.me.serve("back"));
  observed at_hub{p.rt, p.hub}, at_me{p.rt, p.me};
  auto [near, far] = p.open();
  auto child = near.open("child");
  REQUIRE(child);
  auto& leaver = by_acceptor ? p.hub : p.me;
  auto& stayer = by_acceptor ? p.me : p.hub;
  const std::string leaves = by_acceptor ? "hub" : "me", stays = by_acceptor ? "me" : "hub";
  auto& at_stayer = by_acceptor ? at_me : at_hub;
  auto& at_leaver = by_acceptor ? at_hub : at_me;
  auto accepting = leaver.async_accept("nobody-comes", asio::use_future);
  auto leaving = leaver.async_shutdown(asio::use_future);
  REQUIRE(at_stayer.wait_for("down " + leaves, 1));

  const auto there = stayer.open(leaves, by_acceptor ? "test" : "back").error();
  CHECK(there.code() == errc::not_connected);
  CHECK_THAT(there.context(), Catch::Contains(leaves));
  const auto here = leaver.open(stays, by_acceptor ? "back" : "test").error();
  CHECK((here.code() == errc::not_connected || here.code() == errc::closed));
  CHECK_THAT(here.context(), Catch::Contains("ending") || Catch::Contains("shutting down"));
  CHECK(leaver.bind("tcp://127.0.0.1:0").error().code() == errc::closed);
  CHECK(leaver.connect("tcp://127.0.0.1:1").error().code() == errc::closed);
  CHECK_FALSE(far.open("late"));
  CHECK_FALSE(near.open("late"));

  for (int i = 0; i < 20; ++i) {
    REQUIRE(near.write_frame(pattern(100'000)));
    CHECK(far.read_frame()->size() == 100'000);
    REQUIRE(far.write_frame("seen"));
    CHECK(near.read_frame()->view() == "seen");
  }
  CHECK(leaving.wait_for(0s) != std::future_status::ready);
  REQUIRE(near.write_trailers({"status=0"}));
  REQUIRE(near.close());
  CHECK(far.read_frame().error().code() == errc::end_of_stream);
  CHECK(far.trailers());
  far = {};
  REQUIRE(is_done(leaving));
  CHECK(leaving.get());
  REQUIRE(is_done(accepting));
  CHECK(accepting.get().error().code() == errc::closed);
  const auto heard = at_stayer.wait_for(2);
  REQUIRE(heard.size() == 2);
  CHECK(heard[0] == "draining " + leaves);
  CHECK(heard[1].starts_with("down " + leaves + ": "));
  CHECK_THAT(heard[1], Catch::Contains("shutting down"));
  CHECK(at_leaver.wait_for("down " + stays, 1));
}

TEST_CASE("drain: what is not finished within linger is cut off", "[drain]") {
  const std::string kind = GENERATE("tcp", "inproc");
  busy_pair p{kind, 200ms};
  auto [near, far] = p.open();
  auto reading = near.async_read_frame(asio::use_future);
  const auto start = std::chrono::steady_clock::now();
  auto leaving = p.hub.async_shutdown(asio::use_future);
  CHECK(near.write_frame("still"));
  CHECK(far.read_frame()->view() == "still");
  REQUIRE(is_done(leaving));
  CHECK(leaving.get());
  const auto took = std::chrono::steady_clock::now() - start;
  CHECK(took >= 200ms);
  CHECK(took < 10s);  // a second for the goodbye, and a slow machine
  REQUIRE(is_done(reading));
  const auto why = reading.get().error();
  CHECK(why.code() == errc::connection_lost);
  CHECK_THAT(why.context(), Catch::Contains("shutting down"));
  CHECK(p.hub.ping("me").error().code() == errc::closed);
}

TEST_CASE("drain: both sides at once end when the last channel has", "[drain]") {
  const std::string kind = GENERATE("tcp", "inproc");
  busy_pair p{kind, 1min};
  auto [near, far] = p.open();
  auto one = p.hub.async_shutdown(asio::use_future);
  auto other = p.me.async_shutdown(asio::use_future);
  for (int i = 0; i < 10; ++i) {
    REQUIRE(near.write_frame(std::to_string(i)));
    CHECK(far.read_frame()->view() == std::to_string(i));
  }
  REQUIRE(near.close());
  CHECK(far.read_frame().error().code() == errc::end_of_stream);
  far = {};
  REQUIRE((is_done(one) && is_done(other)));
  CHECK((one.get() && other.get()));
  CHECK(p.rt.shutdown().clean);
}

TEST_CASE("drain: an idle peer ends at once, and whoever dialled it tries again until it is back", "[drain]") {
  const std::string kind = GENERATE("tcp", "unix", "inproc");
  busy_pair p{kind, 1min};
  observed at_me{p.rt, p.me};
  for (std::size_t i = 1; i <= 5; ++i) {
    REQUIRE(p.hub.shutdown());
    CHECK(p.hub.shutdown().error().code() == errc::closed);
    REQUIRE(at_me.wait_for("down hub", i));
    p.hub = p.rt.spawn_peer(with_keys({.name = "hub", .linger = 1min}));
    const auto at = p.hub.bind(p.where);
    if (!at) FAIL(at.error().message());
    REQUIRE(at_me.wait_for("up hub", i));
  }
  CHECK(at_me.count("ended") == 0);
  CHECK(at_me.count("up hub") == 5);
  CHECK(at_me.count("down hub") == 5);
}
