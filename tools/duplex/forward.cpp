// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/async.hpp>

#include "tools/duplex/commands.hpp"
#include "tools/duplex/services.hpp"
#include "tools/duplex/transfer.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>

namespace duplex::tools {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto recover = std::chrono::milliseconds{200};  // after "too many open files" accepting at once would spin

// All on the one thread that runs `io`.
class forwarding {
 public:
  forwarding(asio::io_context& io, const forward_arguments& given, peer self)
      : given_(given), self_(std::move(self)), tcp_(io), local_(io) {}

  // Errors: as `peer::connect`; `io`, `connection_failed` for where to listen.
  awaitable<result<void>> start(endpoint where) {
    const auto there = co_await self_.async_connect(given_.endpoint);
    if (!there) co_return there.error();
    error_code failed;
    if (where.type() == endpoint::kind::unix_socket) {
      const asio::local::stream_protocol::endpoint at{where.target()};
      local_.open(at.protocol(), failed);
      if (!failed) local_.bind(at, failed);
      // As ssh does; nobody can connect before `listen`.
      if (!failed && ::chmod(where.target().c_str(), S_IRUSR | S_IWUSR) != 0)
        failed.assign(errno, boost::system::system_category());
      if (!failed) local_.listen(asio::socket_base::max_listen_connections, failed);
      path_ = failed ? std::string{} : where.target();
    } else {
      tcp::resolver resolver{co_await asio::this_coro::executor};
      const auto port = std::to_string(where.number());
      const auto found = co_await resolver.async_resolve(where.target(), port, tcp::resolver::passive,
                                                         asio::redirect_error(asio::use_awaitable, failed));
      const auto at = failed ? tcp::endpoint{} : found.begin()->endpoint();
      if (!failed) tcp_.open(at.protocol(), failed);
      if (!failed) tcp_.set_option(tcp::acceptor::reuse_address{true}, failed);
      if (!failed) tcp_.bind(at, failed);
      if (!failed) tcp_.listen(asio::socket_base::max_listen_connections, failed);
      if (!failed) where = endpoint::tcp(where.target(), tcp_.local_endpoint(failed).port());
    }
    if (failed) {
      const bool in_use = failed == asio::error::address_in_use;
      const auto* way_out = !in_use ? ""
                            : where.type() == endpoint::kind::tcp
                                ? "; choose another port, or 0 for any"
                                : "; remove it if a program that was killed has left it there";
      co_return error{in_use ? errc::address_in_use : errc::io,
                      "listen at '" + where.str() + "': " + failed.message() + way_out};
    }
    write_all(STDOUT_FILENO, "listening " + where.str() + '\n');
    const auto on = co_await asio::this_coro::executor;
    if (path_.empty())
      asio::co_spawn(on, accept(tcp_), asio::detached);
    else
      asio::co_spawn(on, accept(local_), asio::detached);
    co_return result<void>{};
  }

  void stop() {
    error_code ignored;
    tcp_.close(ignored);
    local_.close(ignored);
    if (!path_.empty()) ::unlink(path_.c_str());
  }

 private:
  template <class Acceptor> awaitable<void> accept(Acceptor& at) {
    const auto on = co_await asio::this_coro::executor;
    asio::steady_timer pause{on};
    while (at.is_open()) {
      error_code failed;
      auto socket = co_await at.async_accept(asio::redirect_error(asio::use_awaitable, failed));
      if (!failed) {
        asio::co_spawn(on, serve(std::move(socket)), asio::detached);
      } else if (at.is_open()) {
        fail(given_.peer, "accepting: " + failed.message(), failure);
        pause.expires_after(recover);
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, failed));
      }
    }
  }

  template <class Socket> awaitable<void> serve(Socket socket) {
    const auto opened = co_await self_.async_open(given_.to, given_.service, given_.headers);
    if (!opened) {
      fail(given_.peer, opened.error(), failure);
      co_return;  // which closes the connection
    }
    auto ch = *opened;
    co_await ch.async_join(std::move(socket));
    const auto last = co_await ch.async_trailers();
    if (last) say_end(given_.peer, *last);
  }

  const forward_arguments& given_;
  peer self_;
  tcp::acceptor tcp_;
  asio::local::stream_protocol::acceptor local_;
  std::string path_;
};

}  // namespace

int forward(const forward_arguments& given) {
  const auto settings = peer_options(given.peer, true);
  if (!settings) return fail(given.peer, settings.error(), usage);
  const auto listen = endpoint::parse(given.listen);
  if (!listen) return fail(given.peer, listen.error(), usage);
  if (listen->type() != endpoint::kind::tcp && listen->type() != endpoint::kind::unix_socket)
    return fail(given.peer, "'" + given.listen + "' is no place to listen: tcp://host:port or unix:///path", usage);
  if (const auto there = endpoint::parse(given.endpoint); !there) return fail(given.peer, there.error(), usage);

  asio::io_context io;
  runtime rt{io};
  forwarding all{io, given, rt.spawn_peer(*settings)};
  int status = 0;
  asio::signal_set ends{io, SIGINT, SIGTERM};
  if (ends_by_hangup()) ends.add(SIGHUP);
  const auto finish = [&](int with) {
    status = with;
    all.stop();
    io.stop();
  };
  ends.async_wait([&](const error_code& cancelled, int) {
    if (!cancelled) finish(0);
  });
  asio::co_spawn(io, all.start(*listen), [&](const std::exception_ptr&, const result<void>& started) {
    if (!started) finish(fail(given.peer, started.error(), failure));
  });
  io.run();
  io.restart();
  rt.shutdown();
  return status;
}

}  // namespace duplex::tools
