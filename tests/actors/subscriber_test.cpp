// SPDX-License-Identifier: BSD-2-Clause
// What a subscriber of a channel hears when the bytes are no good frames.
#include "tests/actors/support.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

using namespace duplex;
using namespace duplex::test;

namespace {

// Subscribes to frames, and notes what comes and how it ends.
caf::actor note(pair& p, const channel_actor& from, seen<std::string>& log) {
  return p.rt.system().spawn([from, &log](caf::event_based_actor* self) -> caf::behavior {
    self->set_default_handler(caf::drop);
    self->monitor(from);
    self->set_down_handler([&log, self](caf::down_msg& down) {
      log.add("down " + std::string{to_string(from_caf(down.reason).code())});
      self->quit();
    });
    self->request(from, patience, subscribe_atom_v, caf::actor_cast<caf::strong_actor_ptr>(self), delivery::frames)
        .then([] {});
    return {[self, from, &log](frames_atom, frames& batch) {
              for (const auto frame : batch) log.add("frame " + std::string{frame});
              self->send(from, credit_atom_v, static_cast<std::uint32_t>(batch.wire_size()));
            },
            [&log](eof_atom) { log.add("eof"); }};
  });
}

const std::string good{"\0\0\0\2ok", 6};

}  // namespace

TEST_CASE("subscriber: a frame over the limit ends the channel, after the frames that came with it", "[subscriber]") {
  seen<std::string> log;
  pair p;
  auto [near, far] = p.open();
  (void)note(p, near.release(), log);
  REQUIRE(far.write(good + good + "\xff\xff\xff\xff"));
  CHECK(log.wait_for(3) == std::vector<std::string>{"frame ok", "frame ok", "down frame too large"});
}

TEST_CASE("subscriber: a frame that is cut off by the end is no clean end", "[subscriber]") {
  seen<std::string> log;
  pair p;
  auto [near, far] = p.open();
  REQUIRE(far.write(good + std::string{"\0\0\0\5cut", 7}));
  REQUIRE(far.close_write());
  REQUIRE(p.me.ping("hub"));  // all has come by then
  (void)note(p, near.release(), log);
  CHECK(log.wait_for(2) == std::vector<std::string>{"frame ok", "down truncated"});
}

TEST_CASE("subscriber: a read whose reader has given up takes nothing from it", "[subscriber]") {
  seen<std::string> log;
  pair p;
  auto [near, far] = p.open();
  const auto actor = near.release();
  caf::scoped_actor reader{p.rt.system()};
  reader->request(actor, 1ms, frames_atom_v, std::uint32_t{0}).receive([](frames&) {}, [](const caf::error&) {});
  const auto subscriber = p.rt.system().spawn([&log]() -> caf::behavior {
    return {[&log](frames_atom, frames& batch) {
              for (const auto frame : batch) log.add("frame " + std::string{frame});
            },
            [](eof_atom) {}};
  });
  reader
      ->request(actor, patience, subscribe_atom_v, caf::actor_cast<caf::strong_actor_ptr>(subscriber), delivery::frames)
      .receive([] {}, [](const caf::error& why) { FAIL(from_caf(why).message()); });
  for (const auto* one : {"first", "second"}) REQUIRE(far.write_frame(one));
  CHECK(log.wait_for(2) == std::vector<std::string>{"frame first", "frame second"});
}
