// SPDX-License-Identifier: BSD-2-Clause
// echo_coroutine [ENDPOINT]: an echo service that is a coroutine, and a client that is one. Everything runs on the
// application's io_context, in one thread.
#include <duplex/duplex.hpp>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include <chrono>
#include <iostream>

using boost::asio::awaitable;
using namespace std::chrono_literals;

// The service: runs once for each channel. It reads all frames that have arrived, and writes them in one go. Writing
// waits while much is queued, so a client that does not read is soon not read from either.
awaitable<void> echo(duplex::channel ch) {
  while (auto batch = co_await ch.async_read_frames())
    if (!co_await ch.async_write_frames(*batch)) co_return;
}

// A wait with a limit. `||` cancels what comes second, and a read that is cancelled takes nothing: what comes later is
// for the next one.
awaitable<duplex::result<duplex::bytes>> read_within(duplex::channel ch, std::chrono::seconds limit) {
  using namespace boost::asio::experimental::awaitable_operators;
  boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor, limit};
  auto either = ch.async_read_frame() || timer.async_wait(boost::asio::use_awaitable);
  auto first = co_await std::move(either);
  if (first.index() == 0) co_return std::get<0>(std::move(first));
  co_return duplex::error{duplex::errc::timed_out, "no frame came"};
}

// The client. Every async_ operation gives a result: a value, or an error that says what was wrong.
awaitable<duplex::result<void>> talk(duplex::peer me, duplex::endpoint at) {
  const auto where = at.str();
  if (const auto up = co_await me.async_connect(where); !up) co_return up.error();
  auto ch = co_await me.async_open("hub", "echo");
  if (!ch) co_return ch.error();
  for (const auto* word : {"one", "two", "three"})
    if (const auto ok = co_await ch->async_write_frame(word); !ok) co_return ok;
  if (const auto ok = co_await ch->async_close_write(); !ok) co_return ok;  // the service reads to here
  for (;;) {
    const auto frame = co_await read_within(*ch, 10s);
    if (!frame && frame.error().code() == duplex::errc::end_of_stream) co_return duplex::result<void>{};
    if (!frame) co_return frame.error();
    std::cout << frame->view() << '\n';
  }
}

awaitable<duplex::result<void>> run(duplex::runtime& rt, std::string where) {
  const auto key = duplex::key::generate();
  duplex::options serving{.name = "hub", .identity = key.text(), .authorized_keys = key.public_line()};
  duplex::options asking{.name = "me", .identity = key.text(), .host_key = key.fingerprint()};
  auto hub = rt.spawn_peer(std::move(serving));
  auto me = rt.spawn_peer(std::move(asking));
  if (const auto ok = co_await hub.async_serve("echo", echo); !ok) co_return ok.error();
  const auto at = co_await hub.async_bind(where);
  if (!at) co_return at.error();
  auto talking = talk(me, *at);
  co_return co_await std::move(talking);
}

int main(int argc, char** argv) {
  boost::asio::io_context io;
  duplex::runtime rt{io};
  int status = 1;
  auto all = run(rt, argc > 1 ? argv[1] : "tcp://127.0.0.1:0");
  boost::asio::co_spawn(io, std::move(all), [&](const std::exception_ptr& thrown, duplex::result<void> done) {
    if (!thrown && done) status = 0;
    if (!done) std::cerr << done.error().message() << '\n';
    io.stop();
  });
  io.run();
  return status;
}
