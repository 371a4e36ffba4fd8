// SPDX-License-Identifier: BSD-2-Clause
// Peers that are dropped in the middle of something, or drop each other at the same moment.
#include "tests/actors/footprint.hpp"

#include <libssh/callbacks.h>
#include <boost/asio/use_future.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

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

// Carries bytes between two sockets, and holds the dialler's one open when the hub has closed its own: what comes last
// is what was said, as with a connection over pipes.
class held_line {
 public:
  held_line() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    dialler = "fd:" + std::to_string(ends[0]);
    to_dialler_ = ends[1];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    hub = "fd:" + std::to_string(ends[0]);
    to_hub_ = ends[1];
    carrier_ = std::thread{[this] { carry(); }};
  }
  ~held_line() {
    ::shutdown(to_dialler_, SHUT_RDWR);
    carrier_.join();
    ::close(to_dialler_);
    ::close(to_hub_);
  }
  held_line(const held_line&) = delete;
  held_line& operator=(const held_line&) = delete;

  /// The hub has closed, and all that it said lies in the dialler's socket.
  [[nodiscard]] bool is_over() const { return over_; }

  std::string dialler, hub;  // their ends, which they take

 private:
  void carry() {
    std::array<pollfd, 2> both{pollfd{to_dialler_, POLLIN, 0}, pollfd{to_hub_, POLLIN, 0}};
    std::array<char, 64U << 10> buffer{};
    for (;;) {
      ::poll(both.data(), both.size(), -1);
      for (auto& [fd, events, came] : both) {
        if (came == 0) continue;
        const auto n = ::read(fd, buffer.data(), buffer.size());
        if (n > 0) {
          const int to = fd == to_hub_ ? to_dialler_ : to_hub_;
          (void)!::send(to, buffer.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL);
        } else if (fd == to_dialler_) {
          return;
        } else {
          over_ = true;
          fd = -1;  // poll passes over it
        }
      }
    }
  }

  int to_dialler_ = -1, to_hub_ = -1;
  std::atomic<bool> over_{false};
  std::thread carrier_;
};

// A hub, and a peer with one worker that dials it once, over such a line.
struct last_word_apart {
  last_word_apart() {
    REQUIRE(hub.serve("hold"));
    REQUIRE(hub.serve(
        "drop", [this](channel) -> asio::awaitable<void> { (void)co_await hub.async_drop("me", "enough of you"); }));
    REQUIRE(hub.bind(line.hub));
    REQUIRE(me.connect(line.dialler));
  }

  /// From now on libssh, having sent an open, looks for the answer only when all has come that ever will. Its logging
  /// belongs to the thread, that of the only worker.
  void slow_down() {
    here.system().spawn([this](caf::event_based_actor*) {
      ssh_set_log_level(SSH_LOG_PACKET);
      ssh_set_log_userdata(this);
      ssh_set_log_callback([](int, const char*, const char* text, void* user) {
        auto& of = *static_cast<last_word_apart*>(user);
        const std::string_view said{text};
        const auto says = [&](const char* what) { return said.find(what) != std::string_view::npos; };
        if (says("Enabling POLLOUT")) of.sent = true;  // by every send
        if (says("Creating a channel")) of.sent = false;
        if (says("Sent a SSH_MSG_CHANNEL_OPEN") && of.sent) (void)eventually([&] { return of.line.is_over(); });
      });
    });
  }

  held_line line;
  bool sent = false;
  runtime here{runtime_options{1, {}}}, there;
  peer hub = there.spawn_peer(with_keys({.name = "hub"}));
  peer me = here.spawn_peer(with_keys({.name = "me", .reconnect_delay = 1h, .reconnect_delay_max = 1h}));
};

}  // namespace

TEST_CASE("drop: the last word is heard also when libssh reads it within a call that sends", "[drop]") {
  last_word_apart p;
  const auto held = p.me.open("hub", "hold");  // its answer was read last: libssh knows that it may send at once
  REQUIRE(held);
  auto reading = channel{*held}.async_read_frame(asio::use_future);
  p.slow_down();
  const auto order = p.me.open("hub", "drop");  // kept: nothing has libssh look again
  REQUIRE(reading.wait_for(patience) == std::future_status::ready);
  CHECK_THAT(reading.get().error().context(), Catch::Contains("enough of you"));
}

TEST_CASE("drop: an open that meets the last word says so, and not that it was refused", "[drop]") {
  last_word_apart p;
  std::atomic<bool> busy{false};
  channel kept;
  seen<error> outcome;
  REQUIRE(p.me.serve("busy", [&](channel ch) -> asio::awaitable<void> {
    const auto first = co_await ch.async_read_frame();
    kept = ch;
    busy = first.has_value();
    (void)eventually([&] { return p.line.is_over(); });  // on the session's thread: it polls nothing meanwhile
    const auto late = co_await p.me.async_open("hub", "hold");
    outcome.add(late.error());
  }));
  auto ch = p.hub.open("me", "busy");
  REQUIRE(ch);
  REQUIRE(ch->write_frame("go"));
  REQUIRE(eventually([&] { return busy.load(); }));
  REQUIRE(p.hub.drop("me", "enough of you"));
  const auto why = outcome.wait_for(1);
  REQUIRE(why.size() == 1);
  CHECK(why[0].code() == errc::connection_lost);
  CHECK_THAT(why[0].context(), Catch::Contains("enough of you"));
}

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
