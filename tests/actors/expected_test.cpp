// SPDX-License-Identifier: BSD-2-Clause
// Opens to remote peers that are being dialled, and several sessions to one of them.
#include "tests/actors/support.hpp"
#include "tests/transport/folder.hpp"

#include <boost/asio/use_future.hpp>

using namespace duplex;
using namespace duplex::test;

namespace {

errc code_of(const auto& outcome) { return outcome.error().code(); }

options quick() {
  options settings;
  settings.reconnect_delay = 1ms;
  settings.reconnect_delay_max = 10ms;
  return settings;
}

/// `me` dials where nobody listens yet.
struct early {
  explicit early(options settings = quick()) {
    settings.name = "me";
    me = rt.spawn_peer(with_keys(settings));
    REQUIRE(code_of(me.connect(where)) == errc::connection_failed);
  }
  peer serve(std::string name = "hub") {
    auto hub = rt.spawn_peer(with_keys({.name = std::move(name)}));
    REQUIRE(hub.serve("s"));
    REQUIRE(hub.bind(where));
    return hub;
  }

  transport_tests::folder here;
  std::string where = "unix://" + here.path("socket");
  runtime rt;
  peer me;
};

}  // namespace

TEST_CASE("expected: an open waits for a peer that is being dialled, by name and without", "[expected]") {
  early e;
  auto by_name = e.me.async_open("hub", "s", asio::use_future);
  auto any = e.me.async_open("", "s", asio::use_future);
  CHECK(by_name.wait_for(20ms) == std::future_status::timeout);
  auto hub = e.serve();
  REQUIRE(by_name.wait_for(patience) == std::future_status::ready);
  REQUIRE(any.wait_for(patience) == std::future_status::ready);
  auto ch = by_name.get();
  REQUIRE(ch);
  CHECK(any.get());
  REQUIRE(ch->write_frame("came late"));
  CHECK(hub.accept("s")->read_frame()->view() == "came late");
}

TEST_CASE("expected: it waits no longer than open_timeout, and names whom it waited for", "[expected]") {
  auto settings = quick();
  settings.open_timeout = 50ms;
  early e{settings};
  const auto named = e.me.open("hub", "s");
  CHECK(code_of(named) == errc::not_connected);
  CHECK(named.error().context() == "open 's': 'hub' has not connected within open_timeout");
  CHECK(e.me.open("", "s").error().context() == "open 's': no remote peer has connected within open_timeout");
}

TEST_CASE("expected: it does not wait for nobody", "[expected]") {
  early e;
  SECTION("no endpoint is dialled") {
    auto waiting = e.me.async_open("hub", "s", asio::use_future);
    REQUIRE(e.me.disconnect(e.where));
    REQUIRE(waiting.wait_for(patience) == std::future_status::ready);
    CHECK(code_of(waiting.get()) == errc::not_connected);
    CHECK(code_of(e.me.open("hub", "s")) == errc::not_connected);
  }
  SECTION("the dialler gives up") {
    auto waiting = e.me.async_open("hub", "s", asio::use_future);
    auto hub = e.rt.spawn_peer({.name = "hub", .identity = test_key().text(), .authorized_keys = "# nobody\n"});
    REQUIRE(hub.bind(e.where));
    REQUIRE(waiting.wait_for(patience) == std::future_status::ready);
    CHECK(code_of(waiting.get()) == errc::not_connected);
  }
  SECTION("the peer ends") {
    auto waiting = e.me.async_open("hub", "s", asio::use_future);
    REQUIRE(e.me.shutdown());
    REQUIRE(waiting.wait_for(patience) == std::future_status::ready);
    CHECK_FALSE(waiting.get());
  }
  SECTION("all that are dialled are there, and it is none of them") {
    auto hub = e.serve();
    CHECK(eventually([&] { return e.me.peers()->size() == 1; }));
    CHECK(code_of(e.me.open("other", "s")) == errc::not_connected);
  }
}

TEST_CASE("expected: those that wait are bounded", "[expected]") {
  auto settings = quick();
  settings.max_channels = 2;
  early e{settings};
  auto one = e.me.async_open("hub", "s", asio::use_future);
  auto two = e.me.async_open("hub", "s", asio::use_future);
  const auto three = e.me.open("hub", "s");
  CHECK(code_of(three) == errc::resource_exhausted);
  CHECK(three.error().context().find("option max_channels") != std::string::npos);
  auto hub = e.serve();
  for (auto* waiting : {&one, &two}) {
    REQUIRE(waiting->wait_for(patience) == std::future_status::ready);
    CHECK(waiting->get());
  }
}

TEST_CASE("expected: a peer that is leaving is not waited for", "[expected]") {
  pair p{quick()};
  auto [near, far] = p.open("s");
  auto leaving = p.hub.async_shutdown(asio::use_future);
  CHECK(eventually([&] { return p.me.peers()->empty(); }));
  const auto refused = p.me.open("hub", "s").error();
  CHECK(refused.code() == errc::not_connected);
  CHECK(refused.context() == "open 's': no session leads to 'hub'");
  REQUIRE(near.write_frame("still whole"));
  CHECK(far.read_frame()->view() == "still whole");
  REQUIRE(far.close());
}

TEST_CASE("expected: after a drop it waits, once the session is over, for it to come again", "[expected]") {
  auto settings = quick();
  settings.open_timeout = 50ms;
  pair p{settings};
  REQUIRE(p.hub.serve("s"));
  REQUIRE(p.hub.unbind(p.where));
  REQUIRE(p.hub.drop("me"));
  CHECK(eventually([&] {  // while the session is leaving, it is refused at once
    const auto why = p.me.open("hub", "s").error();
    return why.context() == "open 's': 'hub' has not connected within open_timeout";
  }));
  REQUIRE(p.hub.bind(p.where));
  CHECK(eventually([&] { return p.me.open("hub", "s").error().code() == errc::none; }));
}

TEST_CASE("sessions: several lead to one peer, and opens are spread over them", "[sessions]") {
  auto settings = quick();
  settings.sessions = 3;
  settings.max_channels = 1;
  pair p{settings};
  REQUIRE(p.hub.serve("s"));
  REQUIRE(eventually([&] { return p.me.peers()->at(0).sessions == 3; }));
  REQUIRE(eventually([&] { return p.hub.peers()->at(0).sessions == 3; }));
  CHECK(p.me.peers()->size() == 1);
  std::vector<channel> all;
  for (int i = 0; i < 3; ++i) {
    auto ch = p.me.open("hub", "s");
    REQUIRE(ch);
    all.push_back(*ch);
  }
  CHECK(code_of(p.me.open("hub", "s")) == errc::resource_exhausted);
  for (auto& ch : all) {
    REQUIRE(ch.write_frame("each works"));
    CHECK(p.hub.accept("s")->read_frame()->view() == "each works");
  }
  REQUIRE(p.me.disconnect(p.where));
  CHECK(eventually([&] { return p.hub.peers()->empty() && p.me.peers()->empty(); }));
  CHECK(code_of(p.me.disconnect(p.where)) == errc::not_found);
}
