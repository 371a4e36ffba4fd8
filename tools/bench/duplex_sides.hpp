// SPDX-License-Identifier: BSD-2-Clause
#pragma once
// What the two sides of bench_duplex share.
#include "tools/bench/harness.hpp"

#include <duplex/async.hpp>
#include <duplex/rpc.hpp>

#include <boost/asio/io_context.hpp>
#include <caf/all.hpp>

#include <cstdint>
#include <cstring>
#include <string>

namespace bench {

/// The service "bench.Bench".
struct sample {
  std::uint64_t id = 0;
  std::string name = "a name of some size";
  std::int32_t n = 0;
  double weight = 0.5;
};
struct Bench {
  duplex::rpc::fn<sample(sample)> echo;
  duplex::rpc::fn<duplex::rpc::stream<sample>(std::uint64_t)> objects;
};

/// Both sides have one key, and know it.
inline duplex::options peer_settings(std::string name) {
  const auto own = duplex::key::load(file("id"));
  if (!own) fail(own.error().message());
  duplex::options made;
  made.name = std::move(name);
  made.identity = file("id");
  made.authorized_keys = file("id.pub");
  made.host_key = own->fingerprint();
  made.max_channels = 2000;
  return made;
}

inline duplex::runtime_options runtime_settings(const settings& with) {
  return {.workers = setting(with, "workers", std::size_t{1}),
          .busy_poll = std::chrono::microseconds{setting(with, "busy_poll_us", std::size_t{0})}};
}

template <class T> T value_of(duplex::result<T> outcome) {
  if (!outcome) fail(outcome.error().message());
  return std::move(*outcome);
}

inline void must(const duplex::result<void>& outcome) {
  if (!outcome) fail(outcome.error().message());
}

/// A tally as it travels: the sender's own memory image, both ends being the same program.
inline std::string_view as_text(const tally& of) { return {reinterpret_cast<const char*>(&of), sizeof of}; }
inline tally as_tally(std::string_view text) {
  tally made;
  if (text.size() != sizeof made) fail("not a tally");
  std::memcpy(&made, text.data(), sizeof made);
  return made;
}

/// Everything that arrives on the channel goes to `self`.
template <class Then> void subscribe(caf::event_based_actor* self, const duplex::channel_actor& to, Then then) {
  self->request(to, caf::infinite, duplex::subscribe_atom_v, caf::strong_actor_ptr{self->ctrl()},
                duplex::delivery::frames)
      .then(then, [](const caf::error&) {});
}

/// Registers the services that are channels: echo, count, ignore (actors), echo-coroutine, count-coroutine, bytes.
boost::asio::awaitable<void> offer(duplex::peer& hub, caf::actor_system& system);

/// Binds a peer with all services and gives its endpoint.
std::string serve_all(const settings& with);

/// A client whose peer runs on this thread: what lives in coroutines.
class coroutine_client {
 public:
  explicit coroutine_client(const std::string& address, std::size_t sessions = 1);
  /// Runs `body` to its end.
  void run(boost::asio::awaitable<void> body);
  /// Runs `body(i)` for each i below `count` at once, to their ends.
  void run_all(std::size_t count, const std::function<boost::asio::awaitable<void>(std::size_t)>& body);
  duplex::rpc::peer& peer() { return peer_; }
  /// Waits until `count` sessions are there.
  boost::asio::awaitable<void> connect(std::string address, std::size_t count);

 private:
  boost::asio::io_context io_{1};
  duplex::runtime rt_{io_};
  duplex::rpc::peer peer_;
};

/// Of duplex_actors.cpp: round trips, and many in flight, of an actor.
void run_round_trips(const std::string& address, const settings& with);
void run_in_flight(const std::string& address, const settings& with);

}  // namespace bench
