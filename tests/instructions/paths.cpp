// SPDX-License-Identifier: BSD-2-Clause
// usage: paths PATH COUNT: walks a hot path COUNT times, on one thread and with no timer that fires, so that callgrind
// counts the same twice. Everything beside the walks costs the same whatever COUNT is: count.sh takes a difference.
#include <duplex/async.hpp>
#include <duplex/duplex.hpp>
#include <duplex/key.hpp>

#include "runtime/scheduler.hpp"
#include "transport/frame_codec.hpp"

#include <libssh/libssh.h>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>

namespace {

using namespace duplex;
namespace asio = boost::asio;
using namespace std::chrono_literals;

const std::string payload(64, 'x');
const std::size_t framed = payload.size() + frame_header;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "paths: %s\n", what.c_str());
  std::_Exit(1);
}

template <class T> T expect(result<T> outcome) {
  if (!outcome) fail(outcome.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*outcome);
}

/// Frames that arrive in packets of that size, as a stream and the reader of its channel take them.
void decode(std::size_t packet, long count) {
  std::string image;  // ends with a frame and with a packet
  for (std::size_t i = 0; i < packet; ++i) {
    image.append(frame_header, '\0').append(payload);
    detail::store_length(&image[image.size() - framed], static_cast<std::uint32_t>(payload.size()));
  }
  transport::receive_buffer buffer;
  const auto max_frame = options{}.max_frame;
  std::size_t seen = 0;
  for (std::size_t at = 0; count > 0; at = (at + packet) % image.size()) {
    buffer.append(image.data() + at, packet);
    if (!buffer.has_frame(max_frame)) continue;
    const auto batch = expect(buffer.take_frames(max_frame));
    for (const auto frame : batch) seen += frame.size();
    count -= batch.count();
  }
  if (seen % payload.size() != 0) fail("a frame of another size");
}

/// The far end of `write`, which costs nothing of ours: libssh alone.
class client {
 public:
  client(const endpoint& hub, const std::string& identity) : ssh_(ssh_new()) {
    const unsigned port = hub.number();
    const bool off = false;
    ssh_options_set(ssh_, SSH_OPTIONS_PROCESS_CONFIG, &off);
    ssh_options_set(ssh_, SSH_OPTIONS_HOST, hub.target().c_str());
    ssh_options_set(ssh_, SSH_OPTIONS_PORT, &port);
    ssh_options_set(ssh_, SSH_OPTIONS_USER, "paths");
    ssh_key key = nullptr;
    if (ssh_pki_import_privkey_base64(identity.c_str(), nullptr, nullptr, nullptr, &key) != SSH_OK) fail("key");
    if (ssh_connect(ssh_) != SSH_OK || ssh_userauth_publickey(ssh_, nullptr, key) != SSH_AUTH_SUCCESS)
      fail(ssh_get_error(ssh_));
    ssh_key_free(key);
    channel_ = ssh_channel_new(ssh_);
    if (ssh_channel_open_forward(channel_, "sink", 1, "", 0) != SSH_OK) fail(ssh_get_error(ssh_));
  }
  ~client() { ssh_free(ssh_); }
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  void take(std::size_t size) {
    char buffer[256];
    while (size != 0) {
      const int n = ssh_channel_read(channel_, buffer, static_cast<std::uint32_t>(size), 0);
      if (n <= 0) fail(ssh_get_error(ssh_));
      size -= static_cast<std::size_t>(n);
    }
  }

 private:
  ssh_session ssh_;
  ssh_channel channel_;
};

/// A frame from `write_frame` to the call of `ssh_channel_write`, in a turn of its own, over loopback.
void write(long count) {
  asio::io_context io{1};
  runtime rt{io};
  const auto key = key::generate();
  auto hub = rt.spawn_peer(
      {.name = "hub", .identity = key.text(), .authorized_keys = key.public_line(), .alive_interval = 1h});
  // Until all is connected there are two threads.
  std::promise<channel> accepted;
  auto guard = asio::make_work_guard(io);
  std::thread runs{[&io] { io.run(); }};
  expect(hub.serve("sink", [&accepted](channel ch) { accepted.set_value(std::move(ch)); }));
  client far{expect(hub.bind("tcp://127.0.0.1:0")), key.text()};
  auto near = accepted.get_future().get();
  guard.reset();
  io.stop();
  runs.join();
  io.restart();

  auto& home = detail::scheduler::of(rt.system()).at(0);
  for (; count > 0; --count) {
    {
      const detail::run_scope turn{home};
      expect(near.write_frame(payload));
    }
    far.take(framed);
    io.poll();  // it may have given window
  }
  std::_Exit(0);  // how an orderly end goes would depend on time
}

asio::awaitable<void> echo(channel ch) {
  while (const auto batch = co_await ch.async_read_frames()) expect(co_await ch.async_write_frames(*batch));
}

asio::awaitable<void> play(peer& me, asio::io_context& until, long count) {
  auto opening = me.async_open("hub", "echo");
  auto ch = expect(co_await std::move(opening));
  for (; count > 0; --count) {
    expect(co_await ch.async_write_frame(payload));
    expect(co_await ch.async_read_frame());
  }
  until.stop();
}

/// A frame from one coroutine to another and back, within the process: what lies between them and a carrier.
void trip(long count) {
  asio::io_context io{1};
  runtime rt{io};
  auto hub = rt.spawn_peer({.name = "hub", .identity = key::generate().text()});
  auto me = rt.spawn_peer({.name = "me", .identity = key::generate().text()});
  auto guard = asio::make_work_guard(io);
  std::thread runs{[&io] { io.run(); }};
  expect(hub.serve("echo", echo));
  expect(me.connect(expect(hub.bind("inproc://paths")).str()));
  guard.reset();
  io.stop();
  runs.join();
  io.restart();
  asio::co_spawn(io, play(me, io, count), asio::detached);
  io.run();
  std::_Exit(0);
}

/// A message from one actor to another, which sends the next one back.
void hop(long count) {
  asio::io_context io{1};
  runtime rt{io};
  const auto player = [](caf::event_based_actor* self) -> caf::behavior {
    return {[self](const caf::actor& other, long left) {
      if (left > 0) self->send(other, caf::actor{self}, left - 1);
    }};
  };
  const auto one = rt.system().spawn(player), other = rt.system().spawn(player);
  caf::anon_send(one, other, count);
  io.run();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view path = argc == 3 ? argv[1] : "";
  const long count = argc == 3 ? std::strtol(argv[2], nullptr, 10) : 0;
  if (path == "decode-32k")
    decode(32'758, count);  // libssh's largest
  else if (path == "decode-4k")
    decode(4096, count);  // what libssh reads from a socket at a time
  else if (path == "write")
    write(count);
  else if (path == "trip")
    trip(count);
  else if (path == "hop")
    hop(count);
  else
    fail("usage: paths decode-32k|decode-4k|write|trip|hop COUNT");
}
