// SPDX-License-Identifier: BSD-2-Clause
// Two peers that drop each other at the same moment.
#include "tests/actors/footprint.hpp"

#include <boost/asio/use_future.hpp>

using namespace duplex;
using namespace duplex::test;

namespace {

constexpr int rounds = 25;

options quick() { return {.reconnect_delay = 1ms, .reconnect_delay_max = 20ms}; }

// Both at once; whoever comes second may find that the other one is leaving already.
void drop_both(peer& a, const std::string& b_name, peer& b, const std::string& a_name) {
  auto first = a.async_drop(b_name, "first", asio::use_future);
  auto second = b.async_drop(a_name, "second", asio::use_future);
  for (auto* one : {&first, &second}) {
    REQUIRE(one->wait_for(patience) == std::future_status::ready);
    const auto outcome = one->get();
    if (!outcome) CHECK(outcome.error().code() == errc::not_connected);
  }
}

}  // namespace

TEST_CASE("drop: two peers that drop each other at once both end, and the dialler comes back", "[drop]") {
  const std::string kind = GENERATE("tcp", "unix", "inproc");
  transport_tests::folder here;
  pair p{endpoint_of(kind, here), quick()};
  observed hub{p.rt, p.hub}, me{p.rt, p.me};
  const auto before = footprint::of(p.rt);
  for (std::size_t i = 1; i <= rounds; ++i) {
    drop_both(p.hub, "me", p.me, "hub");
    REQUIRE(hub.wait_for("up me", i));
    REQUIRE(me.wait_for("up hub", i));
  }
  CHECK(hub.count("down me") == rounds);
  CHECK(me.count("down hub") == rounds);
  CHECK(p.me.ping("hub"));
  CHECK(p.hub.ping("me"));
  CHECK(before.is_back(p.rt));
}

TEST_CASE("drop: at once while channels are busy, each operation ends with an error and nothing is left", "[drop]") {
  const std::string kind = GENERATE("tcp", "inproc");
  transport_tests::folder here;
  pair p{endpoint_of(kind, here), quick()};
  REQUIRE(p.hub.serve("source", [](channel ch) -> asio::awaitable<void> {
    const std::string piece = pattern(10'000);
    for (;;) {
      auto sent = co_await ch.async_write(piece);
      if (!sent) break;
    }
  }));
  REQUIRE(p.hub.serve("silent"));
  observed hub{p.rt, p.hub}, me{p.rt, p.me};
  const auto before = footprint::of(p.rt);
  for (std::size_t i = 1; i <= rounds; ++i) {
    {
      std::vector<channel> kept;
      std::vector<std::future<result<bytes>>> reads;
      std::vector<std::future<result<void>>> writes;
      for (int n = 0; n < 4; ++n) {
        auto from = p.me.open("hub", "source");
        if (!from) FAIL(from.error().message());
        auto got = from->read();
        if (!got) FAIL(got.error().message());
        reads.push_back(from->async_read_error(asio::use_future));
        kept.push_back(*from);
        auto to = p.me.open("hub", "silent");
        if (!to) FAIL(to.error().message());
        for (int w = 0; w < 5; ++w) writes.push_back(to->async_write(pattern(600'000), asio::use_future));
        kept.push_back(*to);
      }
      drop_both(p.hub, "me", p.me, "hub");
      for (auto& one : reads) {
        REQUIRE(one.wait_for(patience) == std::future_status::ready);
        CHECK(one.get().error().code() == errc::connection_lost);
      }
      for (auto& one : writes) REQUIRE(one.wait_for(patience) == std::future_status::ready);
      for (auto& ch : kept) {
        error why;
        (void)read_all(ch, &why);
        CHECK(why.code() == errc::connection_lost);
      }
      for (int n = 0; n < 4; ++n) {
        auto far = p.hub.accept("silent");
        REQUIRE(far);
        error why;
        (void)read_all(*far, &why);
        CHECK(why.code() == errc::connection_lost);
      }
    }
    REQUIRE(hub.wait_for("up me", i));
    REQUIRE(me.wait_for("up hub", i));
  }
  CHECK(before.is_back(p.rt));
}

TEST_CASE("drop: peers that dialled each other both dial again", "[drop]") {
  const std::string kind = GENERATE("tcp", "inproc");
  transport_tests::folder here, there;
  pair p{endpoint_of(kind, here), quick()};
  const auto back = p.me.bind(endpoint_of(kind, there));
  REQUIRE(back);
  REQUIRE(p.hub.connect(back->str()));
  const auto both = [&] {
    const auto a = p.me.peers(), b = p.hub.peers();
    return a && b && a->size() == 1 && b->size() == 1 && a->front().sessions == 2 && b->front().sessions == 2;
  };
  CHECK(eventually(both));
  for (int i = 0; i < rounds; ++i) {
    drop_both(p.hub, "me", p.me, "hub");
    CHECK(eventually(both));
  }
}
