// SPDX-License-Identifier: BSD-2-Clause
#include "actors/relay.hpp"
#include "tests/actors/support.hpp"

#include <caf/all.hpp>

using namespace duplex;
using namespace duplex::test;

namespace {

// far <- hub -> near: two channels of the hub's, on sessions of their own, to be joined.
struct triangle {
  explicit triangle(options for_all = {}) : p(for_all) {
    for_all.name = "other";
    other = p.rt.spawn_peer(with_keys(for_all));
    if (auto up = other.connect(p.where); !up) FAIL(up.error().message());
    REQUIRE(p.me.serve("left"));
    REQUIRE(other.serve("right"));
    left = *p.hub.open("me", "left");
    right = *p.hub.open("other", "right");
    near = *p.me.accept("left");
    far = *other.accept("right");
  }
  // The outcome comes when both have ended.
  std::future<result<void>> join() { return left.async_join(right, asio::use_future); }

  pair p;
  peer other;
  channel left, right, near, far;
};

options small_windows() {
  options small;
  small.receive_window = 64 << 10;
  small.send_high_water = small.send_low_water = 64 << 10;
  return small;
}

result<void> outcome_of(std::future<result<void>>& joined) {
  if (joined.wait_for(patience) != std::future_status::ready) return {errc::timed_out, "the join goes on"};
  return joined.get();
}

}  // namespace

TEST_CASE("join: frames, errors, half-close and trailers pass both ways", "[join]") {
  triangle t;
  auto joined = t.join();
  REQUIRE(t.near.write_frame("question"));
  CHECK(t.far.read_frame()->view() == "question");
  REQUIRE(t.far.write_error("beside"));
  CHECK(t.near.read_error()->view() == "beside");
  REQUIRE(t.near.close_write());
  CHECK(t.far.read_frame().error().code() == errc::end_of_stream);
  REQUIRE(t.far.write_frame("answer"));
  REQUIRE(t.far.write_trailers({"status=3", "reason=so"}));
  REQUIRE(t.far.close());
  CHECK(t.near.read_frame()->view() == "answer");
  CHECK(*t.near.trailers() == std::vector<std::string>{"status=3", "reason=so"});
  CHECK(outcome_of(joined).error() == error{});
}

TEST_CASE("join: what was read ahead goes first", "[join]") {
  triangle t;
  for (const auto* text : {"one", "two", "three"}) REQUIRE(t.near.write_frame(text));
  REQUIRE(t.near.flush());
  CHECK(t.left.read_frame()->view() == "one");  // the port may hold the other two
  auto joined = t.join();
  REQUIRE(t.near.write_frame("four"));
  for (const auto* text : {"two", "three", "four"}) CHECK(t.far.read_frame()->view() == text);
  REQUIRE(t.near.close());
  CHECK(outcome_of(joined).error() == error{});
}

TEST_CASE("join: twenty megabytes each way arrive whole, through small windows", "[join]") {
  triangle t{small_windows()};
  auto joined = t.join();
  constexpr std::size_t size = 20 << 20;
  const auto up = pattern(size), down = pattern(size, 7);
  const auto send = [](channel& by, const std::string& text) {
    for (std::size_t at = 0; at < text.size(); at += 100'000)
      if (!by.write(std::string_view{text}.substr(at, 100'000))) return;
    (void)by.close_write();
  };
  std::thread one{[&] { send(t.near, up); }}, other{[&] { send(t.far, down); }};
  std::string came_down;
  std::thread reader{[&] { came_down = read_all(t.near); }};
  const auto came_up = read_all(t.far);
  one.join();
  other.join();
  reader.join();
  CHECK((came_up == up));
  CHECK((came_down == down));
  REQUIRE(t.near.close());
  CHECK(outcome_of(joined).error() == error{});
}

TEST_CASE("join: a reader that sleeps stops the writer at the other end", "[join]") {
  const bool errors = GENERATE(false, true);
  triangle t{small_windows()};
  auto joined = t.join();
  const std::string chunk(64 << 10, 'x');
  std::size_t written = 0;
  std::future<result<void>> last;
  do {
    last =
        errors ? t.near.async_write_error(chunk, asio::use_future) : t.near.async_write_frame(chunk, asio::use_future);
    written += chunk.size();
  } while (written < (64U << 20) && last.wait_for(500ms) == std::future_status::ready);
  CHECK(written < (32U << 20));  // SSH's windows of two sessions, and the small queues: a few megabytes
  for (std::size_t read = 0; read < written; read += chunk.size()) {
    const auto one = errors ? t.far.read_error() : t.far.read_frame();
    if (!one) FAIL(one.error().message());
    CHECK(one->size() == chunk.size());
  }
  CHECK(last.wait_for(patience) == std::future_status::ready);
  REQUIRE(t.far.close());
  CHECK(outcome_of(joined).error() == error{});
}

TEST_CASE("join: a session that is lost ends the other channel with the reason", "[join]") {
  triangle t;
  auto joined = t.join();
  REQUIRE(t.near.write_frame("x"));
  CHECK(t.far.read_frame()->view() == "x");
  REQUIRE(t.p.hub.drop("me", "enough"));
  const auto said = t.far.trailers();
  REQUIRE(said);
  CHECK(find_value(*said, "status") == std::to_string(static_cast<int>(errc::connection_lost)));
  CHECK(outcome_of(joined).error().code() == errc::connection_lost);
}

TEST_CASE("join: an ended channel still gives what had arrived", "[join]") {
  triangle t;
  REQUIRE(t.near.write_frame("last words"));
  REQUIRE(t.near.write_trailers({"status=0"}));
  REQUIRE(t.near.close());
  CHECK(t.left.trailers());
  auto joined = t.join();
  CHECK(t.far.read_frame()->view() == "last words");
  CHECK(*t.far.trailers() == std::vector<std::string>{"status=0"});
  CHECK(outcome_of(joined).error() == error{});
}

TEST_CASE("join: two channel actors are spliced by a message, answered at the end", "[join]") {
  triangle t;
  caf::scoped_actor self{t.p.rt.system(), true};
  auto answer = self->request(t.left.release(), patience, join_atom_v, caf::actor_cast<caf::actor>(t.right.release()));
  REQUIRE(t.near.write_frame("by message"));
  CHECK(t.far.read_frame()->view() == "by message");
  REQUIRE(t.far.close());
  bool joined = false;
  answer.receive([&] { joined = true; }, [](const caf::error& why) { FAIL(from_caf(why).message()); });
  CHECK(joined);
}

TEST_CASE("join: an empty handle is refused", "[join]") {
  triangle t;
  CHECK(t.left.join(channel{}).error().code() == errc::closed);
  CHECK(channel{}.join(t.left).error().code() == errc::closed);
  REQUIRE(t.near.write_frame("still here"));
  CHECK(t.left.read_frame()->view() == "still here");
}

TEST_CASE("join: a relay killed while it relays ends both channels with a reason, and says so", "[join]") {
  triangle t;
  caf::scoped_actor self{t.p.rt.system(), true};
  const auto both = t.p.rt.system().spawn<detail::relay>(detail::relay_end{.channel = t.left.release()},
                                                         detail::relay_end{.channel = t.right.release()});
  auto answer = self->request(both, patience, join_atom_v);
  REQUIRE(t.near.write_frame("under way"));
  CHECK(t.far.read_frame()->view() == "under way");
  caf::anon_send_exit(both, caf::exit_reason::kill);
  for (auto* end : {&t.near, &t.far}) {
    const auto said = end->trailers();
    REQUIRE(said);
    CHECK(find_value(*said, "status") == std::to_string(static_cast<int>(errc::closed)));
    CHECK(find_value(*said, "reason")->find("the subscriber ended") == 0);
    CHECK(eventually([&] { return !end->write_frame("y"); }));
  }
  error why;
  answer.receive([] {}, [&](const caf::error& e) { why = from_caf(e); });
  CHECK(why.code() == errc::closed);
}
