// SPDX-License-Identifier: BSD-2-Clause
// usage: behaviour_hub FILE: the hub of the behaviour suite on stdin and stdout, with the options in FILE, a list of
// `name=value` as encode_list writes it.
#include "tests/actors/hub/services.hpp"

#include <caf/scoped_actor.hpp>

#include <cstdio>
#include <fstream>
#include <iterator>

namespace {

int fail(const duplex::error& why) {
  std::fprintf(stderr, "behaviour_hub: %s\n", why.message().c_str());
  return 1;
}

duplex::result<duplex::options> options_in(const char* file) {
  std::ifstream in{file, std::ios::binary};
  const auto list = duplex::decode_list(std::string{std::istreambuf_iterator<char>{in}, {}});
  duplex::options settings;
  for (const auto& item : list.value_or(std::vector<std::string>{})) {
    const auto cut = item.find('=');
    if (auto set = duplex::set_option(settings, item.substr(0, cut), item.substr(cut + 1)); !set) return set.error();
  }
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  auto settings = options_in(argv[1]);
  if (!settings) return fail(settings.error());
  duplex::peer hub;
  duplex::runtime rt;
  hub = rt.spawn_peer(*settings);
  if (auto ready = duplex::test::serve_behaviour(hub); !ready) return fail(ready.error());
  {
    caf::scoped_actor self{rt.system()};
    self->monitor(hub.actor());
    self->send(hub.actor(), duplex::subscribe_atom_v, caf::actor_cast<caf::actor>(self));
    if (auto bound = hub.bind("stdio:"); !bound) return fail(bound.error());
    bool over = false;
    self->receive_while([&] { return !over; })(
        [&](duplex::event_atom, const duplex::peer_event& event) {
          over = event.what == duplex::peer_event::kind::ended;
        },
        [&](const caf::down_msg&) { over = true; });
  }
  rt.shutdown();
  hub = {};
}
