// SPDX-License-Identifier: BSD-2-Clause
#include "tools/bench/peers/caf_node.hpp"

#include <caf/openssl/all.hpp>

#include <algorithm>
#include <vector>

namespace bench::remote {

node::configuration::configuration(const settings& with) {
  add_message_types<caf::id_block::bench_caf>();
  set("scheduler.policy", caf::atom_from_string(setting(with, "policy", "sharing")));
  set("scheduler.max-threads", setting(with, "workers", std::size_t{1}));
  set("middleman.workers", std::size_t{0});
  load<caf::io::middleman>();
  if (setting(with, "security", "tls") != "tls") return;
  load<caf::openssl::manager>();
  openssl_certificate = file("tls.crt");
  openssl_key = file("tls.key");
  openssl_cafile = file("tls.crt");
}

node::node(const settings& with)
    : is_tls_(setting(with, "security", "tls") == "tls"), made_of_(with), system(made_of_) {}

std::string node::publish(const caf::actor& which, const std::string& host) {
  const auto port = is_tls_ ? caf::openssl::publish(which, 0, host.c_str(), true)
                            : system.middleman().publish(which, 0, host.c_str(), true);
  if (!port) fail("publish: " + system.render(port.error()));
  return host + ":" + std::to_string(*port);
}

caf::actor node::remote(const std::string& address) {
  const auto colon = address.find(':');
  const auto host = address.substr(0, colon);
  const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1)));
  auto found = is_tls_ ? caf::openssl::remote_actor(system, host, port) : system.middleman().remote_actor(host, port);
  if (!found) fail("remote_actor: " + system.render(found.error()));
  return std::move(*found);
}

namespace {

constexpr int trips_per_batch = 1000;

/// Mean times of batches of round trips: the clock costs too much of one.
struct batches {
  clock::time_point begun = clock::now(), last = begun;
  int trips = 0;
  std::vector<double> means;
  /// False when the time is over.
  bool trip() {
    if (++trips < trips_per_batch) return true;
    trips = 0;
    const auto now = clock::now();
    const auto took = std::chrono::duration<double, std::micro>(now - std::exchange(last, now)).count();
    if (now - begun > measured_time() / 5) means.push_back(took / trips_per_batch);
    return now - begun < measured_time() * 6 / 5;
  }
};

void run_trips(caf::actor_system& in) {
  batches all;
  const auto server = in.spawn([]() -> caf::behavior { return {[](std::string& frame) { return std::move(frame); }}; });
  caf::scoped_actor self{in};
  const auto client = in.spawn([&](caf::event_based_actor* me) -> caf::behavior {
    me->send(server, std::string(small_size, 'x'));
    return {[me, server, &all](std::string& frame) {
      if (all.trip())
        me->send(server, std::move(frame));
      else
        me->quit();
    }};
  });
  self->wait_for(client);
  if (all.means.empty()) fail("not one batch of round trips was measured");
  std::nth_element(all.means.begin(), all.means.begin() + std::ptrdiff_t(all.means.size() / 2), all.means.end());
  report("actor_round_trip", all.means[all.means.size() / 2]);
}

constexpr std::uint64_t inproc_credit = 1024;

void run_frames(caf::actor_system& in) {
  meter done;
  caf::scoped_actor self{in};
  const auto receiver = in.spawn([&](caf::event_based_actor* me) -> caf::behavior {
    return {[me, &done, got = std::uint64_t{0}, seen = tally{}](const std::string& frame) mutable {
      seen.add(frame.data(), frame.size());
      if (++got < inproc_credit / 2) return;
      me->send(caf::actor_cast<caf::actor>(me->current_sender()), credit_atom_v, got);
      if (done.done(std::exchange(got, 0))) me->quit();
    }};
  });
  in.spawn([&](caf::event_based_actor* me) -> caf::behavior {
    me->monitor(receiver);
    me->set_down_handler([me](caf::down_msg&) { me->quit(); });
    const auto send = [me, receiver](std::uint64_t count) {
      for (std::uint64_t i = 0; i < count; ++i) me->send(receiver, std::string(small_size, 'x'));
    };
    send(inproc_credit);
    return {[send](credit_atom, std::uint64_t more) { send(more); }};
  });
  self->wait_for(receiver);
  report("frames", done.rate());
}

}  // namespace

// The stock scheduler with one worker. Seen in millions of frames per second: 6.8 to 8.8 with it, 7.9 to 8.7 with the
// policy "sharing"; with two workers, which move the actors apart, 4.8 and 1.6.
void run_inproc(const std::string&, const settings& with) {
  caf::actor_system_config of;
  of.add_message_types<caf::id_block::bench_caf>();
  of.set("scheduler.policy", caf::atom_from_string(setting(with, "policy", "stealing")));
  of.set("scheduler.max-threads", setting(with, "workers", std::size_t{1}));
  caf::actor_system system{of};
  run_trips(system);
  run_frames(system);
}

}  // namespace bench::remote
