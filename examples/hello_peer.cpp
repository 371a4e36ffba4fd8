// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/duplex.hpp>

#include <iostream>

namespace asio = boost::asio;

int main() {
  const auto key = duplex::key::generate();  // one key for both; real peers keep theirs in files
  duplex::runtime rt;

  auto hub = rt.spawn_peer({.name = "hub", .identity = key.text(), .authorized_keys = key.public_line()});
  (void)hub.serve("frames", [](duplex::channel ch) -> asio::awaitable<void> {
    while (auto frame = co_await ch.async_read_frame()) (void)co_await ch.async_write_frame(*frame);
  });
  const auto at = hub.bind("tcp://127.0.0.1:0");

  auto me = rt.spawn_peer({.name = "me", .identity = key.text(), .host_key = key.fingerprint()});
  if (auto up = me.connect(at->str()); !up) return std::cerr << up.error().message() << '\n', 1;
  auto ch = me.open("hub", "frames", {"lang=en"});
  (void)ch->write_frame("hello");
  std::cout << ch->read_frame()->view() << '\n';
}
