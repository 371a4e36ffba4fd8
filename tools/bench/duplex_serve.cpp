// SPDX-License-Identifier: BSD-2-Clause
// The serving side: echo and counting as actors, which is what the goals are about; counting as a coroutine too.
#include "tools/bench/duplex_sides.hpp"

#include <boost/asio/system_executor.hpp>
#include <boost/asio/use_future.hpp>

namespace bench {
namespace {

using duplex::channel_actor;

/// What arrived together goes back together, as it came.
caf::behavior echo(caf::event_based_actor* self) {
  self->set_default_handler(caf::drop);
  const auto from = [self] { return caf::actor_cast<channel_actor>(self->current_sender()); };
  return {
      [=](duplex::accept_atom, const channel_actor& ch, const duplex::meta&) { subscribe(self, ch, [] {}); },
      [=](duplex::frames_atom, duplex::frames& batch) {
        const auto consumed = static_cast<std::uint32_t>(batch.wire_size());
        self->send(from(), duplex::write_atom_v, std::move(batch), consumed);
      },
  };
}

boost::asio::awaitable<void> echo_in_coroutine(duplex::channel ch) {
  while (const auto batch = co_await ch.async_read_frames()) co_await ch.async_write_frames(*batch);
}

/// Counts one channel; answers its last frame with the tally.
caf::behavior count(caf::event_based_actor* self, const channel_actor& of) {
  self->set_default_handler(caf::drop);
  subscribe(self, of, [] {});
  return {[self, of, seen = tally{}](duplex::frames_atom, const duplex::frames& batch) mutable {
    duplex::frames answer;
    for (const auto frame : batch) {
      if (frame.size() == last_size)
        answer = duplex::make_frames(as_text(seen));
      else
        seen.add(frame.data(), frame.size());
    }
    self->send(of, duplex::write_atom_v, std::move(answer), static_cast<std::uint32_t>(batch.wire_size()));
  }};
}

caf::behavior count_each(caf::event_based_actor* self) {
  return {[self](duplex::accept_atom, const channel_actor& ch, const duplex::meta&) { self->spawn(count, ch); }};
}

boost::asio::awaitable<void> count_in_coroutine(duplex::channel ch) {
  tally seen;
  for (;;) {
    const auto frame = co_await ch.async_read_frame();
    if (!frame) co_return;
    if (frame->size() == last_size) break;
    seen.add(frame->data(), frame->size());
  }
  co_await ch.async_write_frame(as_text(seen));
}

/// Raw bytes, as a stock client sends them; all of bulk_size. The byte that comes first says that it is connected.
boost::asio::awaitable<void> count_bytes(duplex::channel ch) {
  co_await ch.async_write("R");
  tally seen;
  for (;;) {
    const auto some = co_await ch.async_read(1 << 20);
    if (!some) break;
    seen.bytes += some->size();
  }
  seen.frames = seen.bytes / bulk_size;
  co_await ch.async_write(as_text(seen));
  co_await ch.async_close();
}

/// Channels that are opened, and closed by the opener.
caf::behavior ignore(caf::event_based_actor*) {
  return {[](duplex::accept_atom, const channel_actor&, const duplex::meta&) {}};
}

duplex::rpc::stream<sample> objects(std::uint64_t count) {
  sample one;  // named: g++ 12 destroys a temporary within co_yield twice
  for (one.id = 0; one.id < count; ++one.id) co_yield one;
}

std::string where_to_bind(const settings& with) {
  if (setting(with, "transport", "tcp") == "unix") return "unix://" + file("duplex.sock");
  return "tcp://" + setting(with, "host", "127.0.0.1") + ":0";
}

}  // namespace

boost::asio::awaitable<void> offer(duplex::peer& hub, caf::actor_system& system) {
  const auto echoing = system.spawn(echo), counting = system.spawn(count_each), ignoring = system.spawn(ignore);
  must(co_await hub.async_serve("echo", echoing));
  must(co_await hub.async_serve("count", counting));
  must(co_await hub.async_serve("ignore", ignoring));
  must(co_await hub.async_serve("echo-coroutine", echo_in_coroutine));
  must(co_await hub.async_serve("count-coroutine", count_in_coroutine));
  must(co_await hub.async_serve("bytes", count_bytes));
}

std::string serve_all(const settings& with) {
  auto& rt = *new duplex::runtime{runtime_settings(with)};  // lives until the process ends
  auto& hub = *new duplex::rpc::peer{rt.spawn_peer(peer_settings("hub"))};
  must(hub.serve(Bench{.echo = [](sample s) { return s; }, .objects = objects}));
  boost::asio::co_spawn(boost::asio::system_executor{}, offer(hub, rt.system()), boost::asio::use_future).get();
  return value_of(hub.bind(where_to_bind(with))).str();
}

}  // namespace bench
