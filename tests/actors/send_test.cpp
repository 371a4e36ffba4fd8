// SPDX-License-Identifier: BSD-2-Clause
// Channels sent over channels, and handles in messages.
#include "tests/actors/support.hpp"

#include <boost/asio/use_future.hpp>
#include <caf/all.hpp>

using namespace duplex;
using namespace duplex::test;

namespace {

errc code_of(const auto& outcome) { return outcome.error().code(); }

/// source -> hub -> target: the hub has a channel from `source`, and one to each target over which to send it.
struct chain : pair {
  explicit chain(options settings = {}) : pair(settings) {
    std::tie(source, original) = open("original", {"lang=en"});
    settings.name = "target";
    target = rt.spawn_peer(with_keys(settings));
    if (auto up = target.connect(where); !up) FAIL(up.error().message());
    REQUIRE(target.serve("inbox"));
    REQUIRE(me.serve("inbox"));
    REQUIRE(hub.serve("inbox"));
    to_target = *hub.open("target", "inbox");
    inbox = *target.accept("inbox");
  }

  channel source, original;  // the two ends of the channel to be sent
  channel to_target, inbox;  // the two ends of the way there
  peer target;
};

}  // namespace

TEST_CASE("send: the receiver has a channel with service, headers and origin, and talks to its far end", "[send]") {
  chain c;
  REQUIRE(c.to_target.send(c.original));
  auto got = c.inbox.accept();
  REQUIRE(got);
  const auto about = *got->meta();
  CHECK(about.service == "original");
  CHECK(about.headers == std::vector<std::string>{"lang=en"});
  CHECK(about.remote_peer == "hub");
  CHECK(about.relayed == std::vector<std::string>{"me " + test_key().fingerprint()});
  CHECK(c.inbox.meta()->relayed.empty());
  REQUIRE(c.source.write_frame("question"));
  CHECK(got->read_frame()->view() == "question");
  REQUIRE(got->write_error("beside"));
  CHECK(c.source.read_error()->view() == "beside");
  REQUIRE(c.source.close_write());
  CHECK(code_of(got->read_frame()) == errc::end_of_stream);
  REQUIRE(got->write_trailers({"status=3", "reason=so"}));
  REQUIRE(got->close());
  CHECK(*c.source.trailers() == std::vector<std::string>{"status=3", "reason=so"});
  CHECK(code_of(c.source.read_frame()) == errc::end_of_stream);
}

TEST_CASE("send: frames in flight, read ahead and still to come arrive once, in order", "[send]") {
  options small;
  small.receive_window = 64 << 10;
  chain c{small};
  constexpr int count = 20'000;
  std::thread writer{[&] {
    for (int i = 0; i < count; ++i)
      if (!c.source.write_frame(std::to_string(i))) return;
    (void)c.source.close_write();
  }};
  int next = 0;
  for (; next < 100; ++next) CHECK(c.original.read_frame()->view() == std::to_string(next));
  REQUIRE(c.to_target.send(c.original));
  auto got = c.inbox.accept();
  REQUIRE(got);
  for (;;) {
    auto batch = got->read_frames();
    if (!batch) {
      CHECK(code_of(batch) == errc::end_of_stream);
      break;
    }
    while (!batch->empty()) REQUIRE(batch->pop_front() == std::to_string(next++));
  }
  writer.join();
  CHECK(next == count);
}

TEST_CASE("send: a channel that is relayed already goes on, with the whole way in meta", "[send]") {
  chain c;
  REQUIRE(c.source.write_frame("before"));
  REQUIRE(c.to_target.send(c.original));
  auto got = c.inbox.accept();
  REQUIRE(got);
  auto onward = *c.target.open("hub", "inbox");  // back to the hub, and from there to `me`
  auto second_inbox = *c.hub.accept("inbox");
  REQUIRE(onward.send(*got));
  auto again = second_inbox.accept();
  REQUIRE(again);
  CHECK(again->meta()->relayed ==
        std::vector<std::string>{"me " + test_key().fingerprint(), "hub " + test_key().fingerprint()});
  CHECK(again->meta()->remote_peer == "target");
  CHECK(again->read_frame()->view() == "before");
  REQUIRE(again->write_frame("answer"));
  CHECK(c.source.read_frame()->view() == "answer");
  REQUIRE(again->close());
  CHECK(code_of(c.source.read_frame()) == errc::end_of_stream);
}

TEST_CASE("send: closing from either end, or of the way there, ends the other", "[send]") {
  chain c;
  REQUIRE(c.to_target.send(c.original));
  auto got = c.inbox.accept();
  REQUIRE(got);
  SECTION("the source") {
    REQUIRE(c.source.close());
    CHECK(code_of(got->read()) == errc::end_of_stream);
  }
  SECTION("the receiver") {
    REQUIRE(got->close());
    CHECK(code_of(c.source.read()) == errc::end_of_stream);
  }
  SECTION("the channel that carried it: a parent takes its children with it") {
    REQUIRE(c.to_target.close());
    CHECK(code_of(c.source.read()) == errc::end_of_stream);
    CHECK(code_of(got->read()) == errc::end_of_stream);
    REQUIRE(got->trailers());
    CHECK(got->meta()->status() == 2);
  }
  SECTION("the process between, without a word") {
    REQUIRE(c.target.drop("hub"));
    CHECK(code_of(got->read()) == errc::connection_lost);
    REQUIRE(c.source.trailers());
    CHECK(c.source.meta()->status() == static_cast<std::uint32_t>(errc::connection_lost));
    CHECK(c.source.meta()->trailer("reason")->starts_with("beyond the relay: "));
  }
  SECTION("the process between, in good order") {
    REQUIRE(c.hub.set_option("linger", "0s"));
    REQUIRE(c.hub.shutdown());
    CHECK_FALSE(got->read());
    CHECK_FALSE(c.source.read());
  }
}

TEST_CASE("send: what is refused leaves the channel as it was", "[send]") {
  options small;
  small.accept_queue = 1;
  chain c{small};
  auto filler = c.to_target.open("filler");
  REQUIRE(filler);
  REQUIRE(c.source.write_frame("one"));
  REQUIRE(c.source.write_frame("two"));
  CHECK(c.original.read_frame()->view() == "one");
  CHECK(code_of(c.to_target.send(c.original)) == errc::resource_exhausted);
  CHECK(code_of(c.to_target.send(channel{})) == errc::closed);
  CHECK(c.original.read_frame()->view() == "two");
  REQUIRE(c.original.write_frame("still here"));
  CHECK(c.source.read_frame()->view() == "still here");
  REQUIRE(c.inbox.close());
  CHECK(code_of(c.to_target.read()) == errc::end_of_stream);
  CHECK(code_of(c.to_target.send(c.original)) == errc::closed);
  REQUIRE(c.source.write_frame("three"));
  CHECK(c.original.read_frame()->view() == "three");
}

TEST_CASE("send: a channel that has ended is told on with its last word", "[send]") {
  chain c;
  REQUIRE(c.source.write_trailers({"status=7"}));
  REQUIRE(c.source.close());
  CHECK(code_of(c.original.read()) == errc::end_of_stream);
  REQUIRE(c.to_target.send(c.original));
  auto got = c.inbox.accept();
  REQUIRE(got);
  CHECK(code_of(got->read()) == errc::end_of_stream);
  REQUIRE(got->trailers());
  CHECK(got->meta()->status() == 7);
}

TEST_CASE("send: children of a sent channel reach its far end, both ways", "[send]") {
  chain c;
  REQUIRE(c.to_target.send(c.original));
  auto got = c.inbox.accept();
  REQUIRE(got);
  auto child = got->open("child", {"a=b"});
  REQUIRE(child);
  auto far = c.source.accept();
  REQUIRE(far);
  CHECK(far->meta()->service == "child");
  CHECK(far->meta()->headers == std::vector<std::string>{"a=b"});
  REQUIRE(child->write_frame("down"));
  CHECK(far->read_frame()->view() == "down");
  auto other = c.source.open("other");
  REQUIRE(other);
  auto near = got->accept();
  REQUIRE(near);
  REQUIRE(near->write_frame("up"));
  CHECK(other->read_frame()->view() == "up");
  REQUIRE(c.source.close());
  CHECK(code_of(got->read()) == errc::end_of_stream);
  CHECK_FALSE(child->read());
  CHECK_FALSE(near->read());
}

TEST_CASE("send: as a message, and by coroutine", "[send]") {
  chain c;
  REQUIRE(c.source.write_frame("hello"));
  caf::scoped_actor self{c.rt.system()};
  self->request(c.to_target.actor(), patience, send_atom_v, caf::actor_cast<caf::actor>(c.original.release()))
      .receive([] {}, [](const caf::error& why) { FAIL(from_caf(why).message()); });
  auto got = c.inbox.accept();
  REQUIRE(got);
  CHECK(got->read_frame()->view() == "hello");
  auto back = c.inbox.async_send(*got, asio::use_future);
  REQUIRE(back.wait_for(patience) == std::future_status::ready);
  CHECK(back.get());
  auto home = c.to_target.accept();
  REQUIRE(home);
  REQUIRE(home->write_frame("round"));
  CHECK(c.source.read_frame()->view() == "round");
}

TEST_CASE("send: within the process the handles themselves are messages", "[send]") {
  pair p;
  auto [near, far] = p.open();
  seen<std::string> heard;
  auto worker = p.rt.system().spawn([&heard](caf::event_based_actor*) -> caf::behavior {
    return {[&heard](const channel& ch) {
              auto writing = ch;
              heard.add(writing.write_frame("from the actor") ? "written" : "not written");
            },
            [&heard](const peer& by) { heard.add(by.actor() ? "a peer" : "none"); }};
  });
  caf::anon_send(worker, near);
  CHECK(heard.wait_for(1).back() == "written");
  CHECK(far.read_frame()->view() == "from the actor");
  caf::anon_send(worker, p.me);
  CHECK(heard.wait_for(2).back() == "a peer");
  near = {};  // the message was the last holder
  CHECK(code_of(far.read_frame()) == errc::end_of_stream);
}
