// SPDX-License-Identifier: BSD-2-Clause
// own_actors [ENDPOINT]: an application with CAF messages and actors of its own. Its desk ends with the peer that it is
// linked to; whoever monitors a channel is told why that ended, and the remote side's last word.
#include <duplex/duplex.hpp>

#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <iostream>

using namespace std::chrono_literals;

struct order {
  std::string what, whose;
};
template <class Inspector> typename Inspector::result_type inspect(Inspector& f, order& x) {
  return f(caf::meta::type_name("order"), x.what, x.whose);
}

CAF_BEGIN_TYPE_ID_BLOCK(own_actors, first_custom_type_id)
CAF_ADD_TYPE_ID(own_actors, (order))
CAF_END_TYPE_ID_BLOCK(own_actors)

struct config : caf::actor_system_config {
  config() { add_message_types<caf::id_block::own_actors>(); }
};

// Knows nothing of channels: prints orders and counts them.
caf::behavior kitchen() {
  return {[count = 0](const order& next) mutable {
    std::cout << "kitchen: " << next.what << " for " << next.whose << '\n';
    return ++count;
  }};
}

// Passes each channel's order on, and answers in the trailers, the last word of a side.
caf::behavior desk(caf::event_based_actor* self, const duplex::peer_actor& hub, const caf::actor& kitchen) {
  self->link_to(hub);
  return {[=](duplex::accept_atom, const duplex::channel_actor& ch, const duplex::meta& about) {
    const auto say = [ch](const std::string& status, const std::string& text) {
      caf::anon_send(ch, duplex::trailers_atom_v, std::vector<std::string>{"status=" + status, text});
      caf::anon_send(ch, duplex::close_atom_v);
    };
    order what{std::string{about.header("what").value_or("nothing")}, about.remote_peer};
    self->request(kitchen, 10s, std::move(what))
        .then([say](int count) { say("0", "number=" + std::to_string(count)); },
              [say](const caf::error&) { say("1", "reason=the kitchen is closed"); });
  }};
}

// Waits for an actor's end.
caf::error end_of(caf::scoped_actor& self) {
  caf::error reason = caf::sec::request_timeout;
  self->receive([&](caf::down_msg& down) { reason = std::move(down.reason); }, caf::after(10s) >> [] {});
  return reason;
}

int fail(const duplex::error& why) { return std::cerr << why.message() << '\n', 1; }

int main(int argc, char** argv) {
  const auto key = duplex::key::generate();
  config mine;
  duplex::runtime rt{mine};
  auto hub = rt.spawn_peer({.name = "hub", .identity = key.text(), .authorized_keys = key.public_line()});
  const auto orders = rt.system().spawn(desk, hub.actor(), rt.system().spawn(kitchen));
  if (const auto ok = hub.serve("orders", orders); !ok) return fail(ok.error());
  const auto at = hub.bind(argc > 1 ? argv[1] : "tcp://127.0.0.1:0");
  if (!at) return fail(at.error());
  auto me = rt.spawn_peer({.name = "me", .identity = key.text(), .host_key = key.fingerprint()});
  if (const auto up = me.connect(at->str()); !up) return fail(up.error());

  caf::scoped_actor self{rt.system()};
  auto ch = me.open("hub", "orders", {"what=tea"});
  if (!ch) return fail(ch.error());
  self->monitor(ch->actor());
  const auto closed = end_of(self);
  bool trailed = false;  // tells no trailers from an empty list
  std::cout << "channel: " << duplex::from_caf(closed).message() << '\n';
  for (const auto& line : duplex::trailers_of(closed, trailed)) std::cout << "  " << line << '\n';

  self->monitor(orders);
  if (const auto ok = hub.shutdown(); !ok) return fail(ok.error());
  std::cout << "desk: " << rt.system().render(end_of(self)) << '\n';
  return trailed ? 0 : 1;
}
