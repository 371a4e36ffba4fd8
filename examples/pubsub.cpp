// SPDX-License-Identifier: BSD-2-Clause
// pubsub [ENDPOINT]: a hub with topics, each an actor. Who opens a channel to "topic/news" gets what the others write
// to theirs. A slow subscriber holds up nobody: it misses messages, and is told how many.
#include <duplex/duplex.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <iostream>
#include <map>

// What a topic knows of a subscriber. A write is answered when no more than `send_high_water` is queued on its channel.
// With more than `limit` unanswered, messages are counted instead of queued: that bounds what a slow one costs the hub.
struct subscriber {
  duplex::channel_actor channel;
  std::size_t unanswered = 0;  // bytes
  std::uint32_t missed = 0;    // messages
};
constexpr std::size_t limit = 1 << 20;

struct topic_state {
  std::map<caf::actor_addr, subscriber> subscribers;
};
using topic_actor = caf::stateful_actor<topic_state>;

const auto ended = [](const caf::error&) {};  // the channel has: the down message removes it

void write(topic_actor* self, subscriber& to, duplex::frames batch) {
  const auto size = batch.wire_size();
  to.unanswered += size;
  const auto written = [self, size, whose = to.channel.address()] {
    const auto at = self->state.subscribers.find(whose);
    if (at == self->state.subscribers.end()) return;
    auto& [channel, unanswered, missed] = at->second;
    unanswered -= size;
    if (unanswered == 0 && missed != 0)
      write(self, at->second, duplex::make_frames("missed " + std::to_string(std::exchange(missed, 0))));
  };
  self->request(to.channel, caf::infinite, duplex::write_atom_v, std::move(batch)).then(written, ended);
}

caf::behavior topic(topic_actor* self) {
  self->set_default_handler(caf::drop);  // error frames and trailers
  self->set_down_handler([self](const caf::down_msg& down) { self->state.subscribers.erase(down.source); });
  return {
      [=](duplex::accept_atom, const duplex::channel_actor& ch, const duplex::meta&) {
        self->monitor(ch);
        self->state.subscribers[ch.address()].channel = ch;
        self->request(ch, caf::infinite, duplex::subscribe_atom_v, caf::strong_actor_ptr{self->ctrl()},
                      duplex::delivery::frames)
            .then([] {}, ended);
      },
      [=](duplex::frames_atom, const duplex::frames& batch) {
        const auto from = caf::actor_cast<caf::actor_addr>(self->current_sender());
        for (auto& [address, to] : self->state.subscribers) {
          if (address == from)  // done with these: it may send as many again
            caf::anon_send(to.channel, duplex::credit_atom_v, static_cast<std::uint32_t>(batch.wire_size()));
          else if (to.missed != 0 || to.unanswered > limit)
            to.missed += batch.count();
          else
            write(self, to, batch);  // shares the memory of the batch
        }
      },
      [=](duplex::eof_atom) {
        caf::anon_send(caf::actor_cast<duplex::channel_actor>(self->current_sender()), duplex::close_atom_v);
      },
  };
}

int fail(const duplex::error& why) { return std::cerr << why.message() << '\n', 1; }

int main(int argc, char** argv) {
  const auto key = duplex::key::generate();
  duplex::runtime rt;
  auto hub = rt.spawn_peer({.name = "hub", .identity = key.text(), .authorized_keys = key.public_line()});
  for (const auto* name : {"topic/news", "topic/weather"})
    if (const auto ok = hub.serve(name, rt.system().spawn(topic)); !ok) return fail(ok.error());
  const auto at = hub.bind(argc > 1 ? argv[1] : "tcp://127.0.0.1:0");
  if (!at) return fail(at.error());
  auto me = rt.spawn_peer({.name = "me", .identity = key.text(), .host_key = key.fingerprint()});
  if (const auto up = me.connect(at->str()); !up) return fail(up.error());

  auto fast = me.open("hub", "topic/news"), slow = me.open("hub", "topic/news"), writer = me.open("hub", "topic/news");
  if (!fast || !slow || !writer) return fail(!fast ? fast.error() : !slow ? slow.error() : writer.error());
  const std::string news(64 << 10, '.');
  constexpr int all = 200;  // 13 MB: more than the windows on the way hold
  for (int i = 0; i < all; ++i) {
    if (const auto ok = writer->write_frame(news); !ok) return fail(ok.error());
    if (const auto read = fast->read_frame(); !read) return fail(read.error());
  }
  std::cout << "fast: " << all << " of " << all << '\n';
  for (int i = 0;; ++i) {  // what is queued for it, then what became of the rest
    const auto read = slow->read_frame();
    if (!read) return fail(read.error());
    if (read->view().starts_with("missed"))
      return std::cout << "slow: " << i << " of " << all << ", " << read->view() << '\n', 0;
  }
}
