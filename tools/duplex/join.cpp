// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/async.hpp>

#include "tools/duplex/services.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace duplex::tools {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;
using local = asio::local::stream_protocol;
using boost::system::error_code;

}  // namespace

awaitable<void> join(channel ch, endpoint where) {
  const auto on = co_await asio::this_coro::executor;
  error_code failed;
  if (where.type() == endpoint::kind::unix_socket) {
    local::socket socket{on};
    const local::endpoint path{where.target()};
    co_await socket.async_connect(path, asio::redirect_error(asio::use_awaitable, failed));
    if (!failed) {
      co_await ch.async_join(std::move(socket));
      co_return;
    }
  } else {
    tcp::resolver resolver{on};
    const auto port = std::to_string(where.number());
    const auto found =
        co_await resolver.async_resolve(where.target(), port, asio::redirect_error(asio::use_awaitable, failed));
    tcp::socket socket{on};
    if (!failed) co_await asio::async_connect(socket, found, asio::redirect_error(asio::use_awaitable, failed));
    if (!failed) {
      socket.set_option(tcp::no_delay{true}, failed);
      co_await ch.async_join(std::move(socket));
      co_return;
    }
  }
  co_await end_with(ch, 1, "join '" + where.str() + "': " + failed.message());
}

}  // namespace duplex::tools
