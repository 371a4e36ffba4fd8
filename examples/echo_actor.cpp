// SPDX-License-Identifier: BSD-2-Clause
// echo_actor [ENDPOINT]: an echo service that is an actor, and a client that is one. Channels are actors too: what
// arrives is a message, and so is what is written.
#include <duplex/duplex.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <iostream>

using namespace std::chrono_literals;

// Everything that arrives on the channel goes to `self` from now on.
template <class Then> void subscribe(caf::event_based_actor* self, const duplex::channel_actor& to, Then then) {
  self->request(to, 10s, duplex::subscribe_atom_v, caf::strong_actor_ptr{self->ctrl()}, duplex::delivery::frames)
      .then(then, [](const caf::error&) {});  // it has ended already
}

// The service: one actor for all channels. Each message comes from the channel that it is about.
caf::behavior echo(caf::event_based_actor* self) {
  self->set_default_handler(caf::drop);  // error frames and trailers
  const auto from = [self] { return caf::actor_cast<duplex::channel_actor>(self->current_sender()); };
  return {
      [=](duplex::accept_atom, const duplex::channel_actor& ch, const duplex::meta&) { subscribe(self, ch, [] {}); },
      [=](duplex::frames_atom, duplex::frames& batch) {
        const auto consumed = static_cast<std::uint32_t>(batch.wire_size());  // the client may send as much again
        self->send(from(), duplex::write_atom_v, std::move(batch), consumed);
      },
      [=](duplex::eof_atom) { caf::anon_send(from(), duplex::close_atom_v); },
  };
}

// The client: opens a channel, writes three frames, reads as many, and ends.
caf::behavior client(caf::event_based_actor* self, const duplex::peer_actor& me) {
  const auto failed = [self](const caf::error& why) { self->quit(why); };
  const auto talk = [=](const duplex::channel_actor& ch) {
    self->link_to(ch);  // ends with the channel
    subscribe(self, ch, [=] {
      duplex::frame_writer batch;
      for (const auto* word : {"one", "two", "three"}) batch.put(word);
      self->request(ch, 10s, duplex::write_atom_v, batch.take()).then([] {}, failed);
    });
  };
  self->request(me, 10s, duplex::open_atom_v, std::string{"hub"}, std::string{"echo"}, std::vector<std::string>{})
      .then(talk, failed);
  return {[self, left = 3u](duplex::frames_atom, const duplex::frames& batch) mutable {
    for (const auto frame : batch) std::cout << frame << '\n';
    if ((left -= batch.count()) == 0) self->quit();  // that closes the channel
  }};
}

int fail(const duplex::error& why) { return std::cerr << why.message() << '\n', 1; }

int main(int argc, char** argv) {
  const auto key = duplex::key::generate();
  duplex::runtime rt;
  auto hub = rt.spawn_peer({.name = "hub", .identity = key.text(), .authorized_keys = key.public_line()});
  if (const auto ok = hub.serve("echo", rt.system().spawn(echo)); !ok) return fail(ok.error());
  const auto at = hub.bind(argc > 1 ? argv[1] : "tcp://127.0.0.1:0");
  if (!at) return fail(at.error());
  auto me = rt.spawn_peer({.name = "me", .identity = key.text(), .host_key = key.fingerprint()});
  if (const auto up = me.connect(at->str()); !up) return fail(up.error());

  caf::scoped_actor self{rt.system()};
  self->monitor(self->spawn(client, me.actor()));
  duplex::error why;
  self->receive([&](const caf::down_msg& down) { why = duplex::from_caf(down.reason); });
  return why ? fail(why) : 0;
}
