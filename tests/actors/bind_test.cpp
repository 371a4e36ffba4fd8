// SPDX-License-Identifier: BSD-2-Clause
// Endpoints that are bound twice, freed and bound again.
#include "tests/actors/footprint.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_future.hpp>

using namespace duplex;
using namespace duplex::test;

namespace {

struct two_binders {
  transport_tests::folder here;
  runtime rt;
  peer first = rt.spawn_peer(with_keys({.name = "first"})), second = rt.spawn_peer(with_keys({.name = "second"}));

  std::string bind_first(std::string_view kind) {
    const auto at = first.bind(endpoint_of(kind, here));
    if (!at) FAIL(at.error().message());
    return at->str();
  }
  std::string reached(const std::string& where) {
    auto me = rt.spawn_peer(with_keys());
    const auto up = me.connect(where);
    return up ? up->name : up.error().message();
  }
};

}  // namespace

TEST_CASE("bind: an endpoint is bound once, by whomever, and a second attempt does it no harm", "[bind]") {
  two_binders b;
  const std::string kind = GENERATE("tcp", "unix", "inproc");
  const auto where = b.bind_first(kind);
  const auto again = b.first.bind(where).error();
  CHECK(again.code() == errc::already_exists);
  CHECK_THAT(again.context(), Catch::Contains(where));
  const auto taken = b.second.bind(where).error();
  CHECK(taken.code() == errc::address_in_use);
  CHECK_THAT(taken.context(), Catch::Contains(where) && Catch::Contains("another"));
  CHECK(b.reached(where) == "first");
  CHECK(b.second.unbind(where).error().code() == errc::not_found);
  CHECK(b.reached(where) == "first");
}

TEST_CASE("bind: of several binds at once one has the endpoint, the others are told", "[bind]") {
  two_binders b;
  const std::string kind = GENERATE("tcp", "unix", "inproc");
  const auto where = b.bind_first(kind);
  for (int round = 0; round < 20; ++round) {
    REQUIRE(b.first.unbind(where));
    std::vector<std::future<result<endpoint>>> all;
    for (int i = 0; i < 4; ++i) all.push_back(b.first.async_bind(where, asio::use_future));
    int bound = 0;
    for (auto& one : all) {
      REQUIRE(one.wait_for(patience) == std::future_status::ready);
      const auto at = one.get();
      bound += at ? 1 : 0;
      if (!at) CHECK(at.error().code() == errc::already_exists);
    }
    CHECK(bound == 1);
  }
  CHECK(b.reached(where) == "first");
}

TEST_CASE("bind: what unbind has answered for is free at once, for the same peer and for another", "[bind]") {
  two_binders b;
  const std::string kind = GENERATE("tcp", "unix", "inproc");
  const auto where = b.bind_first(kind);
  auto *holder = &b.first, *next = &b.second;
  for (int round = 0; round < 100; ++round) {
    if (auto freed = holder->unbind(where); !freed) FAIL(freed.error().message());
    if (round % 2 == 0) std::swap(holder, next);
    if (auto at = holder->bind(where); !at) FAIL("round " << round << ": " << at.error().message());
  }
  CHECK(b.reached(where) == (holder == &b.first ? "first" : "second"));
}

TEST_CASE("bind: a peer whose shutdown has answered holds no endpoint any more", "[bind]") {
  two_binders b;
  const std::string kind = GENERATE("tcp", "unix", "inproc");
  const auto where = b.bind_first(kind);
  for (int round = 0; round < 50; ++round) {
    REQUIRE(b.first.shutdown());
    b.first = b.rt.spawn_peer(with_keys({.name = "first"}));
    if (auto at = b.first.bind(where); !at) FAIL("round " << round << ": " << at.error().message());
  }
  CHECK(b.reached(where) == "first");
}

TEST_CASE("bind: a peer that shuts down meanwhile is not left listening", "[bind]") {
  two_binders b;
  const auto where = b.bind_first("tcp");
  auto me = b.rt.spawn_peer(with_keys({.name = "me"}));
  REQUIRE(me.connect(where));
  REQUIRE(b.first.serve("s"));
  auto near = me.open("first", "s");  // keeps the peer alive
  REQUIRE(near);
  auto far = b.first.accept("s");
  REQUIRE(far);
  const std::string late = "inproc://" + b.here.path("late");
  auto binding = b.first.async_bind(late, asio::use_future);
  auto leaving = b.first.async_shutdown(asio::use_future);
  REQUIRE(binding.wait_for(patience) == std::future_status::ready);
  (void)binding.get();  // it may have been in time
  CHECK(eventually([&] { return b.second.bind(late).has_value(); }));
  CHECK(b.first.bind(late).error().code() == errc::closed);
  near = {errc::closed, ""};
  far = {errc::closed, ""};
  REQUIRE(leaving.wait_for(patience) == std::future_status::ready);
}

TEST_CASE("bind: a port that another program has is refused with its number, and bound once that is gone", "[bind]") {
  two_binders b;
  asio::io_context io;
  auto other =
      std::make_unique<asio::ip::tcp::acceptor>(io, asio::ip::tcp::endpoint{asio::ip::address_v4::loopback(), 0});
  const auto where = endpoint::tcp("127.0.0.1", other->local_endpoint().port()).str();
  footprint before{};
  for (int i = 0; i < 20; ++i) {
    if (i == 4) before = footprint::of(b.rt);  // each worker has had its first socket
    const auto taken = b.first.bind(where).error();
    CHECK(taken.code() == errc::address_in_use);
    CHECK_THAT(taken.context(), Catch::Contains(where) && Catch::Contains("choose another port"));
  }
  CHECK(before.is_back(b.rt));
  other.reset();
  CHECK(b.first.bind(where));
  CHECK(b.reached(where) == "first");
}

TEST_CASE("bind: of two peers that bind one endpoint at once one has it, and can be reached", "[bind]") {
  two_binders b;
  const std::string kind = GENERATE("tcp", "inproc");
  const auto where = b.bind_first(kind);
  auto holder = b.first;
  for (int round = 0; round < 50; ++round) {
    REQUIRE(holder.unbind(where));
    auto one = b.first.async_bind(where, asio::use_future), other = b.second.async_bind(where, asio::use_future);
    REQUIRE(
        (one.wait_for(patience) == std::future_status::ready && other.wait_for(patience) == std::future_status::ready));
    const auto first = one.get(), second = other.get();
    if (!first) CHECK(first.error().code() == errc::address_in_use);
    if (!second) CHECK(second.error().code() == errc::address_in_use);
    REQUIRE(first.has_value() != second.has_value());
    holder = first ? b.first : b.second;
    CHECK(b.reached(where) == (first ? "first" : "second"));
  }
}
