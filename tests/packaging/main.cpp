// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/key.hpp>
#include <duplex/peer.hpp>
#include <duplex/version.hpp>

#include <iostream>

int main() {
  const auto key = duplex::key::generate();
  duplex::runtime rt;
  auto hub = rt.spawn_peer({.name = "hub", .identity = key.text(), .authorized_keys = key.public_line()});
  auto me = rt.spawn_peer({.name = "me", .identity = key.text(), .host_key = key.fingerprint()});
  const auto at = hub.bind("tcp://127.0.0.1:0");
  if (!at || !hub.serve("greeting") || !me.connect(at->str())) return 1;
  auto asked = me.open("hub", "greeting");
  auto answering = hub.accept("greeting");
  if (!asked || !answering || !answering->write_frame("hello")) return 1;
  const auto greeting = asked->read_frame();
  if (!greeting) return 1;
  std::cout << "duplex " << duplex::version << ": " << greeting->view() << '\n';
}
