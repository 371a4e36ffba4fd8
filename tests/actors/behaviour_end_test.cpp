// SPDX-License-Identifier: BSD-2-Clause
// What every transport does alike: the end of a session, wanted or not.
#include "tests/actors/site.hpp"

#include <boost/asio/use_future.hpp>

using namespace duplex;
using namespace duplex::test;
using Catch::Contains;

namespace {

/// The outcome of an operation that ought to end now.
template <class T> error ended(std::future<result<T>>& pending) {
  if (pending.wait_for(patience) != std::future_status::ready) {
    FAIL("still pending");
    return {};
  }
  return pending.get().error();
}

}  // namespace

BEHAVIOUR("who is dropped hears why, on every channel") {
  site s{over};
  auto ch = s.open("hold");
  auto reading = ch.async_read_frame(asio::use_future);
  const auto order = s.open("drop", {"reason=enough of you"});
  const auto why = ended(reading);
  CHECK(why.code() == errc::connection_lost);
  CHECK_THAT(why.context(), Contains("enough of you"));
  CHECK(eventually([&] { return code_of(ch.write("x")) == errc::connection_lost; }));
  CHECK(eventually([&] { return s.me.peers()->empty(); }));
  REQUIRE(s.me.set_option("open_timeout", "50ms"));  // the hub is being dialled
  CHECK(code_of(s.me.open("hub", "echo")) == errc::not_connected);
}

BEHAVIOUR("dropping the hub ends its session") {
  site s{over};
  auto ch = s.open("echo");
  REQUIRE(s.me.drop("hub", "not needed"));
  CHECK(code_of(ch.read()) == errc::connection_lost);
  CHECK(eventually([&] { return s.me.peers()->empty(); }));
  CHECK(code_of(s.me.drop("hub")) == errc::not_connected);
}

BEHAVIOUR("disconnect ends the session, and all channels with it") {
  site s{over};
  auto ch = s.open("echo");
  auto reading = ch.async_read_frame(asio::use_future);
  REQUIRE(s.me.disconnect(s.where));
  CHECK(ended(reading).code() == errc::connection_lost);
  CHECK(eventually([&] { return s.me.peers()->empty(); }));
  CHECK(code_of(s.me.disconnect(s.where)) == errc::not_found);
}

BEHAVIOUR("a hub that shuts down takes no new channels and lets those there are finish") {
  site s{over};
  auto ch = s.open("leave");
  CHECK(eventually([&] { return code_of(s.me.open("hub", "echo")) == errc::not_connected; }));
  REQUIRE(ch.write_frame(pattern(3'000'000)));
  REQUIRE(ch.close_write());
  CHECK((ch.read_frame()->view() == pattern(3'000'000)));
  CHECK(code_of(ch.read_frame()) == errc::end_of_stream);
  CHECK(eventually([&] { return s.me.peers()->empty(); }));
}

BEHAVIOUR("a shutdown here lets channels finish") {
  site s{over};
  auto ch = s.open("echo");
  auto leaving = s.me.async_shutdown(asio::use_future);
  REQUIRE(ch.write_frame(pattern(3'000'000)));
  REQUIRE(ch.close_write());
  CHECK((ch.read_frame()->view() == pattern(3'000'000)));
  CHECK(code_of(ch.read_frame()) == errc::end_of_stream);
  CHECK_FALSE(ended(leaving));
  CHECK_FALSE(s.me.open("hub", "echo"));
}

BEHAVIOUR("all that is pending when the hub is lost ends with connection_lost") {
  site s{over, {.receive_window = 100'000, .send_high_water = 100'000, .send_low_water = 50'000}};
  auto reads = s.open("hold"), errors = s.open("hold"), trailed = s.open("hold"), accepts = s.open("hold");
  auto writes = s.open("sleeper"), raw = s.open("hold");
  auto reading = reads.async_read_frame(asio::use_future);
  auto bytes = raw.async_read(1, asio::use_future);
  auto complaining = errors.async_read_error(asio::use_future);
  auto waiting = trailed.async_trailers(asio::use_future);
  auto accepting = accepts.async_accept(asio::use_future);
  std::vector<std::future<result<void>>> writing;
  for (int i = 0; i < 40; ++i) writing.push_back(writes.async_write(pattern(100'000), asio::use_future));
  s.cut();
  CHECK(ended(reading).code() == errc::connection_lost);
  CHECK(ended(bytes).code() == errc::connection_lost);
  CHECK(ended(complaining).code() == errc::connection_lost);
  CHECK(ended(waiting).code() == errc::connection_lost);
  CHECK(ended(accepting).code() == errc::connection_lost);
  errc last = errc::none;
  for (auto& each : writing) last = ended(each).code();
  CHECK(last == errc::connection_lost);
  CHECK(eventually([&] { return code_of(reads.write_frame("late")) == errc::connection_lost; }));
  CHECK(eventually([&] { return s.me.peers()->empty(); }));
}

BEHAVIOUR("a hub that is lost in the middle of a transfer ends it, and leaves nothing here") {
  site s{over};
  {
    auto ch = s.open("echo-raw");
    std::thread writer{[&ch] {
      while (ch.write(pattern(50'000))) {
      }
    }};
    std::size_t got = 0;
    error why;
    bool cut = false;
    for (;;) {
      auto some = ch.read();
      if (!some) {
        why = some.error();
        break;
      }
      got += some->size();
      if (got > 1'000'000 && !std::exchange(cut, true)) s.cut();
    }
    writer.join();
    CHECK(why.code() == errc::connection_lost);
  }
  s.me = {};
  const auto report = s.rt.shutdown();
  CHECK(report.clean);
  CHECK(report.actors_left == 0);
}

BEHAVIOUR("a shutdown while much goes on leaves nothing behind") {
  site s{over, {.linger = 200ms}};
  REQUIRE(s.me.serve("callback"));
  std::vector<channel> held;
  for (int i = 0; i < 10; ++i) {
    held.push_back(s.open("back"));
    held.push_back(s.open("family"));
    held.push_back(*held.back().open("child"));
    held.push_back(s.open("source", {"count=1000", "size=10000"}));
  }
  auto ch = s.open("echo-raw");
  std::atomic<std::uint64_t> read{0};
  std::thread writer{[&ch] {
    while (ch.write(pattern(50'000))) {
    }
  }};
  std::thread reader{[&ch, &read] {
    while (auto some = ch.read()) read += some->size();
  }};
  CHECK(eventually([&] { return read > 1'000'000; }));
  const auto report = s.rt.shutdown();
  writer.join();
  reader.join();
  CHECK(report.clean);
  CHECK(report.actors_left == 0);
}
