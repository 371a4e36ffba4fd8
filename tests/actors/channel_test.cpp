// SPDX-License-Identifier: BSD-2-Clause
#include "tests/actors/support.hpp"

#include <boost/asio/use_future.hpp>

using namespace duplex;
using namespace duplex::test;

TEST_CASE("channel: an error frame after the half-close is refused at once", "[channel]") {
  pair p;
  auto [near, far] = p.open();
  REQUIRE(near.close_write());
  auto late = near.async_write_error("late", asio::use_future);
  REQUIRE(late.wait_for(patience) == std::future_status::ready);
  CHECK(late.get().error().code() == errc::closed);
}

TEST_CASE("channel: frames travel both ways and keep their borders", "[channel]") {
  pair p;
  auto [near, far] = p.open();
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{64}, std::size_t{100'000}, std::size_t{3'000'000}})
    REQUIRE(near.write_frame(pattern(size)));
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{64}, std::size_t{100'000}, std::size_t{3'000'000}}) {
    auto got = far.read_frame();
    REQUIRE(got);
    CHECK((got->view() == pattern(size)));
    REQUIRE(far.write_frame(*got));
  }
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{64}, std::size_t{100'000}, std::size_t{3'000'000}}) {
    auto got = near.read_frame();
    REQUIRE(got);
    CHECK((got->view() == pattern(size)));
  }
}

TEST_CASE("channel: both sides may open", "[channel]") {
  pair p;
  REQUIRE(p.me.serve("mine"));
  auto from_hub = p.hub.open("me", "mine", {"k=v"});
  REQUIRE(from_hub);
  auto at_me = p.me.accept("mine");
  REQUIRE(at_me);
  REQUIRE(from_hub->write_frame("down"));
  CHECK(at_me->read_frame()->view() == "down");
  REQUIRE(at_me->write_frame("up"));
  CHECK(from_hub->read_frame()->view() == "up");
  CHECK(at_me->meta()->header("k") == "v");
}

TEST_CASE("channel: meta tells service, headers in their order, names, key and address", "[channel]") {
  pair p;
  const std::vector<std::string> headers{"lang=en", "b;%\n", "", "lang=de"};
  auto [near, far] = p.open("svc/x@1", headers);
  auto about = far.meta();
  REQUIRE(about);
  CHECK(about->service == "svc/x@1");
  CHECK(about->headers == headers);
  CHECK(about->local_peer == "hub");
  CHECK(about->remote_peer == "me");
  CHECK(about->remote_key == test_key().fingerprint());
  CHECK(about->remote_address.starts_with("tcp://127.0.0.1:"));
  CHECK_FALSE(about->stock);
  CHECK(near.meta()->remote_peer == "hub");
}

TEST_CASE("channel: raw bytes and frames are two ways to read one stream", "[channel]") {
  pair p;
  auto [near, far] = p.open();
  REQUIRE(near.write(std::string_view{"\0\0\0\2hiraw", 9}));
  CHECK(far.read_frame()->view() == "hi");
  std::string rest;
  while (rest.size() < 3) rest += far.read(2)->view();
  CHECK(rest == "raw");
}

TEST_CASE("channel: error frames travel beside the data", "[channel]") {
  pair p;
  auto [near, far] = p.open();
  REQUIRE(near.write_error("first"));
  REQUIRE(near.write_frame("data"));
  REQUIRE(near.write_error("second"));
  CHECK(far.read_frame()->view() == "data");
  CHECK(far.read_error()->view() == "first");
  CHECK(far.read_error()->view() == "second");
}

TEST_CASE("channel: half-close leaves the other direction open", "[channel]") {
  pair p;
  auto [near, far] = p.open();
  REQUIRE(near.write_frame("last"));
  REQUIRE(near.close_write());
  CHECK(near.write_frame("more").error().code() == errc::closed);
  CHECK(far.read_frame()->view() == "last");
  CHECK(far.read_frame().error().code() == errc::end_of_stream);
  CHECK(far.read_frame().error().code() == errc::end_of_stream);
  REQUIRE(far.write_frame("still open"));
  CHECK(near.read_frame()->view() == "still open");
}

TEST_CASE("channel: trailers arrive after the data and before the close", "[channel]") {
  pair p;
  auto [near, far] = p.open();
  const std::vector<std::string> list{"status=7", "note=a;b%", "note=c"};
  REQUIRE(far.write_frame("data"));
  REQUIRE(far.write_trailers(list));
  CHECK(far.write_trailers(list).error().code() == errc::closed);
  CHECK(far.write_frame("late").error().code() == errc::closed);
  REQUIRE(far.close());
  CHECK(near.trailers().error().code() == errc::none);
  CHECK(*near.trailers() == list);
  CHECK(near.read_frame()->view() == "data");
  CHECK(near.read_frame().error().code() == errc::end_of_stream);
  CHECK(*near.trailers() == list);
  auto about = near.meta();
  REQUIRE(about);
  CHECK(about->trailed);
  CHECK(about->status() == 7);
}

TEST_CASE("channel: trailers that have come are there after a close, too", "[channel]") {
  pair p;
  auto [near, far] = p.open();
  const std::vector<std::string> list{"status=5", "reason=no"};
  REQUIRE(far.write_trailers(list));
  REQUIRE(near.trailers());
  REQUIRE(near.close());
  CHECK_FALSE(near.read());  // it has ended, then
  CHECK(*near.trailers() == list);
  CHECK(near.meta()->trailed);
}

TEST_CASE("channel: waiting for trailers ends when there will be none", "[channel]") {
  pair p;
  auto [near, far] = p.open();
  REQUIRE(far.close());
  CHECK(near.trailers().error().code() == errc::closed);
}

TEST_CASE("channel: closing is noticed by a waiting reader and by later writes", "[channel]") {
  pair p;
  auto [near, far] = p.open();
  std::thread closer{[&far = far] { (void)far.close(); }};
  CHECK(near.read_frame().error().code() == errc::end_of_stream);
  closer.join();
  CHECK(eventually([&near = near] { return !near.write_frame("x"); }));
  CHECK(near.write_frame("x").error().code() == errc::closed);
  CHECK(far.read_frame().error().code() == errc::closed);
}

TEST_CASE("channel: dropping the last handle closes after what was written", "[channel]") {
  pair p;
  auto [near, far] = p.open();
  REQUIRE(near.write(pattern(2'000'000)));
  near = {};
  CHECK((read_all(far) == pattern(2'000'000)));
}

TEST_CASE("channel: 10 MB written then closed at once arrive whole, with trailers", "[channel]") {
  pair p;
  auto [near, far] = p.open();
  std::thread writer{[&near = near] {
    for (std::size_t at = 0; at < 10'000'000; at += 100'000) (void)near.write(pattern(100'000, at));
    (void)near.write_trailers({"status=0"});
    (void)near.close();
  }};
  error end;
  const auto all = read_all(far, &end);
  writer.join();
  CHECK(all.size() == 10'000'000);
  CHECK((all == pattern(10'000'000)));
  CHECK(end.code() == errc::end_of_stream);
  CHECK(*far.trailers() == std::vector<std::string>{"status=0"});
}

TEST_CASE("channel: release gives the actor away without closing it", "[channel]") {
  pair p;
  auto [near, far] = p.open();
  REQUIRE(near.write_frame("before"));
  auto actor = near.release();
  CHECK_FALSE(near);
  CHECK(far.read_frame()->view() == "before");
  channel again{p.rt.system(), actor};
  REQUIRE(again.write_frame("after"));
  CHECK(far.read_frame()->view() == "after");
}

TEST_CASE("channel: an empty handle fails instead of crashing", "[channel]") {
  channel none;
  CHECK(none.read_frame().error().code() == errc::closed);
  CHECK(none.write_frame("x").error().code() == errc::closed);
  CHECK(none.close().error().code() == errc::closed);
}

TEST_CASE("channel: handles outlive the runtime's shutdown and say so", "[channel]") {
  pair p;
  auto [near, far] = p.open();
  p.rt.shutdown(2s);
  CHECK_FALSE(near.read_frame());
  CHECK_FALSE(far.write_frame("x"));
  CHECK_FALSE(p.me.open("hub", "test"));
}

TEST_CASE("channel: a read of no bytes gives one, buffered or not", "[channel]") {
  pair p;
  auto [near, far] = p.open();
  REQUIRE(far.write("ab"));
  CHECK(near.read(0)->view() == "a");
  CHECK(near.read()->view() == "b");
  REQUIRE(far.write_frame("cd"));
  REQUIRE(far.write_frame("e"));
  CHECK(near.read_frame()->view() == "cd");
  CHECK(near.read(0)->size() == 1);
}
