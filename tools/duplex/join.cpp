// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/async.hpp>

#include "tools/duplex/services.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace duplex::tools {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;
using local = asio::local::stream_protocol;
using boost::system::error_code;

constexpr std::size_t chunk_size = 1U << 16;

struct both_ends {
  both_ends(channel c, any_socket s) : ch(std::move(c)), socket(std::move(s)) {}

  // Ends both directions.
  void cut() {
    error_code ignored;
    socket.close(ignored);
  }
  awaitable<void> close_when_both_ended() {
    if (--directions == 0) co_await ch.async_close();
  }

  channel ch;
  any_socket socket;
  int directions = 2;
};

awaitable<void> to_socket(std::shared_ptr<both_ends> on) {
  error_code failed;
  for (;;) {
    const auto data = co_await on->ch.async_read();
    if (!data) {
      if (data.error().code() == errc::end_of_stream)
        on->socket.shutdown(any_socket::shutdown_send, failed);
      else
        on->cut();
      break;
    }
    co_await asio::async_write(on->socket, asio::buffer(data->data(), data->size()),
                               asio::redirect_error(asio::use_awaitable, failed));
    if (failed) {  // what came from there is still passed on, up to its end
      on->socket.shutdown(any_socket::shutdown_both, failed);
      break;
    }
  }
  co_await on->close_when_both_ended();
}

awaitable<void> from_socket(std::shared_ptr<both_ends> on) {
  std::vector<char> chunk(chunk_size);
  error_code failed;
  for (;;) {
    const auto n =
        co_await on->socket.async_read_some(asio::buffer(chunk), asio::redirect_error(asio::use_awaitable, failed));
    if (failed) break;
    const std::string_view data{chunk.data(), n};
    const auto written = co_await on->ch.async_write(data);
    if (!written) on->cut();
  }
  if (failed == asio::error::eof) {
    co_await on->ch.async_close_write();
  } else {
    co_await end_with(on->ch, 1, failed.message());
    on->cut();
  }
  co_await on->close_when_both_ended();
}

}  // namespace

awaitable<void> splice(channel ch, any_socket socket) {
  const auto on = co_await asio::this_coro::executor;
  const auto both = std::make_shared<both_ends>(ch, std::move(socket));
  asio::co_spawn(on, to_socket(both), asio::detached);
  asio::co_spawn(on, when_gone(std::move(ch), [both] { both->cut(); }), asio::detached);
  co_await from_socket(both);
}

awaitable<void> join(channel ch, endpoint where) {
  const auto on = co_await asio::this_coro::executor;
  error_code failed;
  if (where.type() == endpoint::kind::unix_socket) {
    local::socket socket{on};
    const local::endpoint path{where.target()};
    co_await socket.async_connect(path, asio::redirect_error(asio::use_awaitable, failed));
    if (!failed) co_return co_await splice(std::move(ch), any_socket{std::move(socket)});
  } else {
    tcp::resolver resolver{on};
    const auto port = std::to_string(where.number());
    const auto found =
        co_await resolver.async_resolve(where.target(), port, asio::redirect_error(asio::use_awaitable, failed));
    tcp::socket socket{on};
    if (!failed) co_await asio::async_connect(socket, found, asio::redirect_error(asio::use_awaitable, failed));
    if (!failed) {
      socket.set_option(tcp::no_delay{true}, failed);
      co_return co_await splice(std::move(ch), any_socket{std::move(socket)});
    }
  }
  co_await end_with(ch, 1, "join '" + where.str() + "': " + failed.message());
}

}  // namespace duplex::tools
