// SPDX-License-Identifier: BSD-2-Clause
// hello_peer [ENDPOINT]: one peer serves there, the other connects and says hello. With "exec:./hello_peer stdio:" the
// peer that serves is a child process.
#include <duplex/duplex.hpp>

#include <future>
#include <iostream>

int fail(const duplex::error& why) { return std::cerr << why.message() << '\n', 1; }

int main(int argc, char** argv) {
  const std::string where = argc > 1 ? argv[1] : "tcp://127.0.0.1:0";
  const bool is_child = where == "stdio:", has_child = where.starts_with("exec:");
  std::promise<void> served;
  const auto key = duplex::key::generate();  // one key for both; real peers keep theirs in files
  duplex::runtime rt;

  auto hub = rt.spawn_peer({.name = "hub", .identity = key.text(), .authorized_keys = key.public_line()});
  const auto ready = hub.serve("frames", [&](duplex::channel ch) -> boost::asio::awaitable<void> {
    while (auto frame = co_await ch.async_read_frame()) (void)co_await ch.async_write_frame(*frame);
    served.set_value();  // the other side has closed the channel
  });
  if (!ready) return fail(ready.error());
  const auto at = has_child ? duplex::endpoint::parse(where) : hub.bind(where);
  if (!at) return fail(at.error());
  if (is_child) return served.get_future().wait(), 0;

  auto me = rt.spawn_peer({.name = "me", .identity = key.text(), .host_key = has_child ? "" : key.fingerprint()});
  if (const auto up = me.connect(at->str()); !up) return fail(up.error());
  auto ch = me.open("hub", "frames", {"lang=en"});
  if (!ch) return fail(ch.error());
  (void)ch->write_frame("hello");  // if that fails, so does the reading
  const auto reply = ch->read_frame();
  if (!reply) return fail(reply.error());
  std::cout << reply->view() << '\n';
}
