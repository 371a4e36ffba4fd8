// SPDX-License-Identifier: BSD-2-Clause
// The echoing client as an actor, like the server: each round trip passes session, channel and user actor on both
// sides.
#include "tools/bench/duplex_sides.hpp"

#include <future>

namespace bench {
namespace {

using duplex::channel_actor;
using ended = std::shared_ptr<std::promise<void>>;

duplex::frames small_frames(std::size_t count) {
  const std::string frame(small_size, 'x');
  duplex::frame_writer made;
  for (std::size_t i = 0; i < count; ++i) made.put(frame);
  return made.take();
}

caf::behavior trip(caf::event_based_actor* self, const channel_actor& on, round_trips* trips, const ended& end) {
  self->set_default_handler(caf::drop);
  subscribe(self, on, [=] {
    trips->lap();
    self->send(on, duplex::write_atom_v, small_frames(1), 0u);
  });
  return {[=](duplex::frames_atom, const duplex::frames& batch) {
    if (!trips->lap()) return end->set_value();
    self->send(on, duplex::write_atom_v, small_frames(1), static_cast<std::uint32_t>(batch.wire_size()));
  }};
}

/// Keeps in_flight frames under way; what came goes out again, as in the other programs.
caf::behavior keep_in_flight(caf::event_based_actor* self, const channel_actor& on, meter* done, const ended& end) {
  self->set_default_handler(caf::drop);
  subscribe(self, on, [=] { self->send(on, duplex::write_atom_v, small_frames(in_flight), 0u); });
  return {[=, over = false](duplex::frames_atom, const duplex::frames& batch) mutable {
    if (over) return;
    over = done->done(batch.count());
    if (over) return end->set_value();
    self->send(on, duplex::write_atom_v, batch, static_cast<std::uint32_t>(batch.wire_size()));
  }};
}

struct actor_client {
  actor_client(const std::string& address, const settings& with)
      : rt{runtime_settings(with)}, peer{rt.spawn_peer(of(with))} {
    value_of(peer.connect(address));
  }
  static duplex::options of(const settings& with) {
    auto made = peer_settings("me");
    made.sessions = setting(with, "sessions", std::size_t{1});
    return made;
  }
  duplex::runtime rt;
  duplex::peer peer;
};

}  // namespace

void run_round_trips(const std::string& address, const settings& with) {
  actor_client me{address, with};
  auto channel = value_of(me.peer.open("hub", "echo"));
  round_trips trips;
  const auto end = std::make_shared<std::promise<void>>();
  me.rt.system().spawn(trip, channel.release(), &trips, end);
  end->get_future().wait();
  trips.report();
  std::_Exit(0);
}

void run_in_flight(const std::string& address, const settings& with) {
  actor_client me{address, with};
  const auto sessions = setting(with, "sessions", std::size_t{1});
  std::vector<meter> meters(sessions);
  std::vector<ended> ends;
  for (auto& one : meters) {
    ends.push_back(std::make_shared<std::promise<void>>());
    auto channel = value_of(me.peer.open("hub", "echo"));
    me.rt.system().spawn(keep_in_flight, channel.release(), &one, ends.back());
  }
  double sum = 0;
  for (std::size_t i = 0; i < sessions; ++i) {
    ends[i]->get_future().wait();
    sum += meters[i].rate();
  }
  report("per_second", sum);
  std::_Exit(0);
}

}  // namespace bench
