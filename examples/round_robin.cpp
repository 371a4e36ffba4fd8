// SPDX-License-Identifier: BSD-2-Clause
// round_robin [ENDPOINT]: a client connected to three workers. Channels opened without a name go to them in turn; when
// one is killed, the other two go on.
#include <duplex/duplex.hpp>

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <iostream>
#include <map>

using namespace std::chrono_literals;
using boost::asio::awaitable;

// Does `jobs` jobs, each on a channel of its own, and prints who did how many.
duplex::result<void> work(duplex::peer& client, int jobs) {
  std::map<std::string, int> done;
  for (int i = 0; i < jobs; ++i) {
    auto ch = client.open("", "work");
    if (!ch) return ch.error();
    (void)ch->write_frame("job");  // if that fails, so does the reading
    const auto answer = ch->read_frame();
    if (!answer) return answer.error();
    ++done[answer->str()];
  }
  for (const auto& [name, count] : done) std::cout << name << " did " << count << '\n';
  return {};
}

// Waits until the client knows that a remote peer is gone. Its actor tells observers who comes and goes.
bool wait_for_end(caf::scoped_actor& self) {
  bool down = false, late = false;
  while (!down && !late)
    self->receive(
        [&](duplex::event_atom, const duplex::peer_event& event) {
          down = event.what == duplex::peer_event::kind::down;
          if (down) std::cout << event.peer.name << " is gone: " << to_string(event.reason.code()) << '\n';
        },
        caf::after(10s) >> [&] { late = true; });
  return down;
}

int fail(const duplex::error& why) { return std::cerr << why.message() << '\n', 1; }

int main(int argc, char** argv) {
  const std::string where = argc > 1 ? argv[1] : "tcp://127.0.0.1:0";
  const auto key = duplex::key::generate();
  duplex::runtime rt;
  auto client = rt.spawn_peer({.name = "client", .identity = key.text(), .host_key = key.fingerprint()});

  std::vector<duplex::peer> workers;
  for (const std::string name : {"ann", "bob", "cem"}) {
    auto& worker = workers.emplace_back(
        rt.spawn_peer({.name = name, .identity = key.text(), .authorized_keys = key.public_line()}));
    const auto ok = worker.serve("work", [name](duplex::channel ch) -> awaitable<void> {
      while (auto job = co_await ch.async_read_frame()) (void)co_await ch.async_write_frame(name);
    });
    if (!ok) return fail(ok.error());
    const auto at = worker.bind(where.starts_with("tcp:") ? where : where + '-' + name);  // a path is for one of them
    if (!at) return fail(at.error());
    if (const auto up = client.connect(at->str()); !up) return fail(up.error());
  }
  if (const auto ok = work(client, 30); !ok) return fail(ok.error());

  caf::scoped_actor self{rt.system()};
  self->request(client.actor(), 10s, duplex::subscribe_atom_v, caf::actor_cast<caf::actor>(self->address()))
      .receive([] {}, [](const caf::error&) {});                    // if that fails, the waiting below does
  caf::anon_send_exit(workers[1].actor(), caf::exit_reason::kill);  // to the client as if the process had died
  if (!wait_for_end(self)) return std::cerr << "nobody told the client\n", 1;
  if (const auto ok = work(client, 20); !ok) return fail(ok.error());
}
