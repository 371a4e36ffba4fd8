// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/duplex.hpp>

#include <iostream>

int fail(const duplex::error& why) { return std::cerr << why.message() << '\n', 1; }

int main() {
  const auto key = duplex::key::generate();  // one key for both; real peers keep theirs in files
  duplex::runtime rt;

  auto hub = rt.spawn_peer({.name = "hub", .identity = key.text(), .authorized_keys = key.public_line()});
  (void)hub.serve("frames", [](duplex::channel ch) -> boost::asio::awaitable<void> {
    while (auto frame = co_await ch.async_read_frame()) (void)co_await ch.async_write_frame(*frame);
  });
  const auto at = hub.bind("tcp://127.0.0.1:0");
  if (!at) return fail(at.error());

  auto me = rt.spawn_peer({.name = "me", .identity = key.text(), .host_key = key.fingerprint()});
  if (const auto up = me.connect(at->str()); !up) return fail(up.error());
  auto ch = me.open("hub", "frames", {"lang=en"});
  if (!ch) return fail(ch.error());
  (void)ch->write_frame("hello");  // if that fails, so does the reading
  const auto reply = ch->read_frame();
  if (!reply) return fail(reply.error());
  std::cout << reply->view() << '\n';
}
