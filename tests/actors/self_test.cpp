// SPDX-License-Identifier: BSD-2-Clause
// A peer that connects to itself is a remote peer of its own: same key, same instance, so nothing speaks against it.
#include "tests/actors/footprint.hpp"

#include <boost/asio/use_future.hpp>

using namespace duplex;
using namespace duplex::test;

namespace {

struct narcissus {
  narcissus(std::string_view kind, const std::string& name, std::size_t workers)
      : rt(runtime_options{workers, {}}),
        self(rt.spawn_peer(with_keys({.name = name, .reconnect_delay = 1ms, .linger = 1s}))) {
    const auto at = self.bind(endpoint_of(kind, here));
    if (!at) FAIL(at.error().message());
    where = at->str();
    REQUIRE(self.serve("echo", [](channel ch) -> asio::awaitable<void> {
      for (;;) {
        auto got = co_await ch.async_read_frame();
        if (!got) break;
        auto sent = co_await ch.async_write_frame(got->view());
        if (!sent) break;
      }
    }));
    const auto up = self.connect(where);
    if (!up) FAIL(up.error().message());
    label = up->name;
  }
  bool echoes(std::string_view to) {
    auto ch = self.open(to, "echo");
    return ch && ch->write_frame("x") && ch->read_frame().has_value();
  }

  transport_tests::folder here;
  runtime rt;
  peer self;
  std::string where, label;
};

}  // namespace

TEST_CASE("self: a peer with a name is its own remote peer, by both ends of the session", "[self]") {
  const std::string kind = GENERATE("tcp", "inproc", "unix");
  const std::size_t workers = GENERATE(1, 2);
  narcissus n{kind, "self", workers};
  CHECK(n.label == "self");
  const auto all = n.self.peers();
  REQUIRE(all);
  REQUIRE(all->size() == 1);
  CHECK(all->front().sessions == 2);
  CHECK(all->front().fingerprint == test_key().fingerprint());
  for (int i = 0; i < 6; ++i) {
    CHECK(n.echoes("self"));
    CHECK(n.echoes(""));
    CHECK(n.self.ping("self"));
    CHECK(*n.self.next_peer() == "self");
  }
  CHECK(n.rt.shutdown().clean);
}

TEST_CASE("self: a nameless peer knows itself by the endpoint, by the end that dialled", "[self]") {
  const std::string kind = GENERATE("tcp", "inproc", "unix");
  const std::size_t workers = GENERATE(1, 2);
  narcissus n{kind, "", workers};
  CHECK(n.label == n.where);
  const auto all = n.self.peers();
  REQUIRE(all);
  REQUIRE(all->size() == 1);
  CHECK(all->front().sessions == 1);
  for (int i = 0; i < 6; ++i) {
    CHECK(n.echoes(n.where));
    CHECK(n.echoes(""));
  }
  CHECK(n.rt.shutdown().clean);
}

TEST_CASE("self: a second connect to the same endpoint is refused, disconnect leaves nothing", "[self]") {
  const std::string kind = GENERATE("tcp", "inproc");
  narcissus n{kind, "self", 2};
  CHECK(n.self.connect(n.where).error().code() == errc::already_exists);
  CHECK(n.echoes("self"));
  REQUIRE(n.self.disconnect(n.where));
  CHECK(eventually([&] { return n.self.peers()->empty(); }));
  const auto alone = footprint::of(n.rt);
  for (int i = 0; i < 5; ++i) {
    REQUIRE(n.self.connect(n.where));
    CHECK(n.echoes("self"));
    REQUIRE(n.self.disconnect(n.where));
    CHECK(eventually([&] { return n.self.peers()->empty(); }));
  }
  CHECK(alone.is_back(n.rt));
}

TEST_CASE("self: who drops itself comes back, and its channels hear why", "[self]") {
  const std::string kind = GENERATE("tcp", "inproc");
  narcissus n{kind, "self", 2};
  for (int i = 0; i < 10; ++i) {
    auto ch = n.self.open("self", "echo");
    if (!ch) FAIL(ch.error().message());
    auto reading = ch->async_read_frame(asio::use_future);
    REQUIRE(n.self.drop("self", "enough of me"));
    REQUIRE(reading.wait_for(patience) == std::future_status::ready);
    const auto why = reading.get().error();
    CHECK(why.code() == errc::connection_lost);
    CHECK_THAT(why.context(), Catch::Contains("enough of me"));
    CHECK(eventually([&] {
      const auto all = n.self.peers();
      return all && all->size() == 1 && all->front().sessions == 2 && n.echoes("self");
    }));
  }
}

TEST_CASE("self: shutting down with channels to itself lets them finish, then ends", "[self]") {
  const std::string kind = GENERATE("tcp", "inproc");
  narcissus n{kind, "self", 2};
  auto ch = n.self.open("self", "echo");
  REQUIRE(ch);
  auto leaving = n.self.async_shutdown(asio::use_future);
  REQUIRE(ch->write_frame("last"));
  CHECK(ch->read_frame()->view() == "last");
  REQUIRE(ch->close());
  REQUIRE(leaving.wait_for(patience) == std::future_status::ready);
  CHECK(leaving.get());
  CHECK(n.rt.shutdown().clean);
}
