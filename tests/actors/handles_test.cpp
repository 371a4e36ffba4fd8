// SPDX-License-Identifier: BSD-2-Clause
// Handles, subscribers and pending operations that end in every order there is.
#include "tests/actors/footprint.hpp"

#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <numeric>

using namespace duplex;
using namespace duplex::test;

namespace {

using ends = std::vector<std::function<void()>>;

// Calls `make` for each order, and what it returns in that order.
void in_every_order(std::size_t count, const std::function<ends()>& make) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  do {
    const auto all = make();
    REQUIRE(all.size() == count);
    for (const auto at : order) all[at]();
  } while (std::next_permutation(order.begin(), order.end()));
}

template <class T> bool is_done(std::future<T>& what) { return what.wait_for(patience) == std::future_status::ready; }

std::string somewhere() { return "inproc://" + transport_tests::folder{}.path("hub"); }

}  // namespace

TEST_CASE("handles: of a channel, its child and their far ends, with reads pending, in every order", "[handles]") {
  pair p{somewhere()};
  (void)p.open();
  const auto before = footprint::of(p.rt);
  struct objects {
    channel near, far, child, far_child;
    std::future<result<bytes>> one, other, third;
    std::future<result<channel>> children;
    std::future<result<std::vector<std::string>>> word;
  };
  std::vector<std::shared_ptr<objects>> all;
  in_every_order(5, [&] {
    auto o = std::make_shared<objects>();
    std::tie(o->near, o->far) = p.open();
    auto child = o->near.open("child");
    if (!child) FAIL(child.error().message());
    auto far_child = o->far.accept();
    if (!far_child) FAIL(far_child.error().message());
    o->child = std::move(*child);
    o->far_child = std::move(*far_child);
    o->one = o->near.async_read_frame(asio::use_future);
    o->other = o->far.async_read(100, asio::use_future);
    o->third = o->child.async_read_error(asio::use_future);
    o->word = o->far_child.async_trailers(asio::use_future);
    o->children = o->far.async_accept(asio::use_future);
    all.push_back(o);
    return ends{[o] { o->near = {}; }, [o] { o->far = {}; }, [o] { o->child = {}; }, [o] { o->far_child = {}; },
                [o] { (void)o->near.write_frame("x"); }};
  });
  for (const auto& o : all) {
    REQUIRE((is_done(o->one) && is_done(o->other) && is_done(o->third) && is_done(o->children) && is_done(o->word)));
    CHECK_FALSE(o->children.get());
  }
  CHECK(before.is_back(p.rt));
}

TEST_CASE("handles: of two channels that are joined, and of their far ends, in every order", "[handles]") {
  pair p{somewhere()};
  (void)p.open();
  const auto before = footprint::of(p.rt);
  struct objects {
    channel one, one_far, other, other_far;
    std::future<result<void>> joined;
    std::future<result<bytes>> reading;
  };
  std::vector<std::shared_ptr<objects>> all;
  in_every_order(4, [&] {
    auto o = std::make_shared<objects>();
    std::tie(o->one, o->one_far) = p.open();
    std::tie(o->other, o->other_far) = p.open();
    o->joined = o->one.async_join(o->other, asio::use_future);
    o->reading = o->one_far.async_read_frame(asio::use_future);
    all.push_back(o);
    return ends{[o] { o->one = {}; }, [o] { o->other = {}; }, [o] { o->one_far = {}; }, [o] { o->other_far = {}; }};
  });
  for (const auto& o : all) REQUIRE((is_done(o->joined) && is_done(o->reading)));
  CHECK(before.is_back(p.rt));
}

TEST_CASE("handles: a channel, its actor's handle, its subscriber and its far end, in every order", "[handles]") {
  pair p{somewhere()};
  (void)p.open();
  const auto before = footprint::of(p.rt);
  in_every_order(5, [&] {
    struct objects {
      channel near, far, copy;
      std::optional<channel_actor> actor;
      caf::actor subscriber;
    };
    auto o = std::make_shared<objects>();
    std::tie(o->near, o->far) = p.open();
    o->copy = o->near;
    o->actor = o->near.actor();
    o->subscriber = p.rt.system().spawn([to = *o->actor](caf::event_based_actor* self) -> caf::behavior {
      self->set_default_handler(caf::drop);
      self->request(to, patience, subscribe_atom_v, caf::actor_cast<caf::strong_actor_ptr>(self), delivery::bytes)
          .then([] {});
      return {[](bytes_atom, const bytes&) {}, [self](eof_atom) { self->quit(); }};
    });
    REQUIRE(o->far.write("x"));
    return ends{[o] { o->near = {}; }, [o] { o->copy = {}; }, [o] { o->actor.reset(); }, [o] { o->far = {}; },
                [o] {
                  caf::anon_send_exit(o->subscriber, caf::exit_reason::user_shutdown);
                  o->subscriber = {};
                }};
  });
  CHECK(before.is_back(p.rt));
}

TEST_CASE("handles: of peers and channels, with operations pending and a peer that ends, in every order", "[handles]") {
  runtime rt;
  const auto where = somewhere();
  struct objects {
    peer hub, me;
    channel near, far;
    std::future<result<channel>> accepting;
    std::future<result<bytes>> reading;
    std::future<result<void>> leaving;
  };
  std::vector<std::shared_ptr<objects>> all;
  in_every_order(5, [&] {
    auto o = std::make_shared<objects>();
    o->hub = rt.spawn_peer(with_keys({.name = "hub", .linger = 50ms}));
    o->me = rt.spawn_peer(with_keys({.name = "me", .linger = 50ms}));
    const auto to = where + std::to_string(all.size());
    REQUIRE(o->hub.bind(to));
    REQUIRE(o->me.connect(to));
    REQUIRE(o->hub.serve("s"));
    auto near = o->me.open("hub", "s");
    if (!near) FAIL(near.error().message());
    o->near = std::move(*near);
    auto far = o->hub.accept("s");
    if (!far) FAIL(far.error().message());
    o->far = std::move(*far);
    o->accepting = o->hub.async_accept("s", asio::use_future);
    o->reading = o->near.async_read_frame(asio::use_future);
    all.push_back(o);
    return ends{[o] { o->hub = {}; }, [o] { o->me = {}; }, [o] { o->near = {}; }, [o] { o->far = {}; },
                [o] { o->leaving = o->hub.async_shutdown(asio::use_future); }};
  });
  const auto report = rt.shutdown();
  CHECK(report.cut_off.empty());
  CHECK(report.actors_left == 0);
  for (const auto& o : all) CHECK((is_done(o->accepting) && is_done(o->reading) && is_done(o->leaving)));
  all.clear();
}

TEST_CASE("handles: one with unread data outlives its runtime, and says that it has ended", "[handles]") {
  channel kept;
  {
    pair p;
    auto [near, far] = p.open();
    REQUIRE(far.write_frame("unread"));
    REQUIRE(far.close());
    CHECK(near.trailers().error().code() == errc::closed);  // that the remote side has closed is known
    kept = near;
  }
  CHECK(kept.read_frame().error().code() == errc::closed);
  CHECK(kept.write_frame("late").error().code() == errc::closed);
  CHECK(kept.flush().error().code() == errc::closed);
  CHECK(kept.accept().error().code() == errc::closed);
  CHECK(kept.open("child").error().code() == errc::closed);
  CHECK(kept.join(0, 1).error().code() == errc::closed);
  CHECK(kept.join(kept).error().code() == errc::closed);
}

TEST_CASE("handles: one with unread data whose session ended before the runtime is forgotten with it", "[handles]") {
  caf::weak_actor_ptr gone;
  shutdown_report report;
  {
    pair p;
    auto [near, far] = p.open();
    REQUIRE(far.write_frame("unread"));
    REQUIRE(far.close());
    CHECK(near.trailers().error().code() == errc::closed);
    gone = caf::weak_actor_ptr{caf::actor_cast<caf::strong_actor_ptr>(near.actor()).get()};
    REQUIRE(p.hub.shutdown());
    CHECK(eventually([&] { return p.me.peers()->empty(); }));
    report = p.rt.shutdown();
  }
  CHECK(gone.lock() == nullptr);
  CHECK(report.clean);  // nobody reads it any more
}

TEST_CASE("handles: an actor's one with unread data ends with the last reference, once its session has", "[handles]") {
  pair p;
  auto [near, far] = p.open();
  REQUIRE(far.write_frame("unread"));
  REQUIRE(far.close());
  CHECK(near.trailers().error().code() == errc::closed);
  auto held = std::make_optional(near.release());
  const caf::weak_actor_ptr gone{caf::actor_cast<caf::strong_actor_ptr>(*held).get()};
  REQUIRE(p.hub.shutdown());
  REQUIRE(eventually([&] { return p.me.peers()->empty(); }));
  CHECK(gone.lock() != nullptr);
  held.reset();
  CHECK(eventually([&] { return gone.lock() == nullptr; }));
}

TEST_CASE("handles: a peer outlives its runtime, and every operation says that it has ended", "[handles]") {
  peer kept;
  {
    pair p;
    kept = p.me;
  }
  CHECK(kept.peers().error().code() == errc::closed);
  CHECK(kept.open("hub", "s").error().code() == errc::closed);
  CHECK(kept.bind("tcp://127.0.0.1:0").error().code() == errc::closed);
  CHECK(kept.serve("s", [](channel) {}).error().code() == errc::closed);
  CHECK(kept.get_option("linger").error().code() == errc::closed);
  CHECK(kept.shutdown().error().code() == errc::closed);
  CHECK(kept.async_peers(boost::asio::use_future).get().error().code() == errc::closed);
  CHECK(kept.async_serve(
                "s", [](channel) {}, boost::asio::use_future)
            .get()
            .error()
            .code() == errc::closed);
}
