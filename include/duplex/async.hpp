// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/initiation.hpp>
#include <duplex/peer.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

// The asynchronous face: each operation `x` of peer and channel as `async_x(..., token)`. A coroutine may await them on
// any executor; the handlers that `peer::serve` runs are on the worker of their channel, where an operation that is
// done at once costs no suspension. A cancellation (`||`, `cancel_after`, a bound slot) ends the wait with `cancelled`:
// nothing is lost that a read or an accept would have taken, nothing is written that had to wait; what was asked of
// others (open, connect, ping, join) may still happen, and a channel that is opened so is closed. With g++ 12, name
// aggregates and strings before a co_await that uses them: that compiler destroys some temporaries within a co_await
// expression twice.

namespace duplex {
namespace detail {

struct default_token {};

/// The executor of the worker that runs the channel.
boost::asio::any_io_executor executor_of(const channel& of);
/// Ends the channel of a service's handler that threw, with `internal` and the exception's text.
void handler_failed(channel& of, const std::exception_ptr& thrown);

template <class Op, class Target>
boost::asio::awaitable<result<typename Op::value>> await(std::shared_ptr<Target> on, Op op) {
  using value = typename Op::value;
  if constexpr (std::is_same_v<Target, channel_state>) {
    if (on) {
      if (auto done = attempt(*on, op)) co_return std::move(*done);
    }
  }
  // Deferred: use_awaitable would be a frame of its own.
  auto started = boost::asio::async_initiate<const boost::asio::deferred_t&, void(result<value>)>(
      initiation{}, boost::asio::deferred, on, op);
  co_return co_await std::move(started);
}

// Asio forgets it here: closing it, while a duplicate lives on, would leave it in Asio's epoll set.
template <class Stream> result<descriptor> released(Stream& stream) {
  return descriptor::adopt(stream.is_open() ? static_cast<int>(stream.release()) : -1);
}

/// The asynchronous face of every operation.
template <class Op, class Target, class Token>
auto async(const std::shared_ptr<Target>& on, const Op& op, Token& token) {
  if constexpr (std::is_same_v<Token, default_token> || std::is_same_v<Token, boost::asio::use_awaitable_t<>>)
    return await(on, op);
  else
    return boost::asio::async_initiate<Token, void(result<typename Op::value>)>(initiation{}, token, on, op);
}

}  // namespace detail

template <class Token> auto channel::async_read(std::size_t limit, Token token) {
  return detail::async(state_, detail::read_op{limit}, token);
}
template <class Token> auto channel::async_read_frame(Token token) {
  return detail::async(state_, detail::read_frame_op{}, token);
}
template <class Token> auto channel::async_read_frames(Token token) {
  return detail::async(state_, detail::read_frames_op{}, token);
}
template <class Token> auto channel::async_read_error(Token token) {
  return detail::async(state_, detail::read_error_op{}, token);
}
template <class Token> auto channel::async_write(std::string_view data, Token token) {
  return detail::async(state_, detail::write_op{data}, token);
}
template <class Token> auto channel::async_write_frame(std::string_view payload, Token token) {
  return detail::async(state_, detail::write_frame_op{payload}, token);
}
template <class Token> auto channel::async_write_frames(const frames& batch, Token token) {
  return detail::async(state_, detail::write_frames_op{&batch}, token);
}
template <class Token> auto channel::async_write_error(std::string_view payload, Token token) {
  return detail::async(state_, detail::write_error_op{payload}, token);
}
template <class Token> auto channel::async_flush(Token token) {
  return detail::async(state_, detail::flush_op{}, token);
}
template <class Token> auto channel::async_close_write(Token token) {
  return detail::async(state_, detail::close_write_op{}, token);
}
template <class Token> auto channel::async_write_trailers(const std::vector<std::string>& list, Token token) {
  return detail::async(state_, detail::write_trailers_op{&list}, token);
}
template <class Token> auto channel::async_trailers(Token token) {
  return detail::async(state_, detail::trailers_op{}, token);
}
template <class Token> auto channel::async_close(Token token) {
  return detail::async(state_, detail::close_op{}, token);
}
template <class Token> auto channel::async_join(const channel& other, Token token) {
  return detail::async(state_, detail::join_op{&other.state_}, token);
}
template <class Token> auto channel::async_join(int in, int out, Token token) {
  return detail::async(state_, detail::join_descriptor_op{descriptor::of(in, out)}, token);
}
template <class Token>
requires(!std::is_integral_v<Token>) auto channel::async_join(int fd, Token token) {
  return async_join(fd, fd, std::move(token));
}
template <detail::releasable Stream, class Token> auto channel::async_join(Stream&& stream, Token token) {
  return detail::async(state_, detail::join_descriptor_op{detail::released(stream)}, token);
}
template <detail::releasable Stream> result<void> channel::join(Stream&& stream) {
  return detail::wait(state_, detail::join_descriptor_op{detail::released(stream)});
}
template <class Token> auto channel::async_send(const channel& what, Token token) {
  return detail::async(state_, detail::send_op{&what.state_}, token);
}
template <class Token> auto channel::async_open(std::string_view service, Token token) {
  return detail::async(state_, detail::open_child_op{service, nullptr}, token);
}
template <class Token>
auto channel::async_open(std::string_view service, const std::vector<std::string>& headers, Token token) {
  return detail::async(state_, detail::open_child_op{service, &headers}, token);
}
template <class Token> auto channel::async_accept(Token token) {
  return detail::async(state_, detail::accept_child_op{}, token);
}
template <class Token> auto channel::async_meta(Token token) const {
  return detail::async(state_, detail::meta_op{}, token);
}

template <class Token> auto peer::async_bind(std::string_view where, Token token) {
  return detail::async(state_, detail::bind_op{where}, token);
}
template <class Token> auto peer::async_unbind(std::string_view where, Token token) {
  return detail::async(state_, detail::unbind_op{where}, token);
}
template <class Token> auto peer::async_connect(std::string_view where, Token token) {
  return detail::async(state_, detail::connect_op{where}, token);
}
template <class Token> auto peer::async_disconnect(std::string_view where, Token token) {
  return detail::async(state_, detail::disconnect_op{where}, token);
}
template <class Token> auto peer::async_peers(Token token) const {
  return detail::async(state_, detail::peers_op{}, token);
}
template <class Token> auto peer::async_sessions(Token token) const {
  return detail::async(state_, detail::sessions_op{}, token);
}
template <class Token> auto peer::async_self(Token token) const {
  return detail::async(state_, detail::self_op{}, token);
}
template <class Token> auto peer::async_drop(std::string_view name, std::string_view reason, Token token) {
  return detail::async(state_, detail::drop_op{name, reason}, token);
}
template <class Token> auto peer::async_next_peer(Token token) {
  return detail::async(state_, detail::next_peer_op{}, token);
}
template <class Token>
auto peer::async_serve(std::string_view service, const std::function<void(channel)>& handler, Token token) {
  return detail::async(state_, detail::serve_op{service, &handler, nullptr}, token);
}
template <class Token> auto peer::async_serve(std::string_view service, const caf::actor& acceptor, Token token) {
  return detail::async(state_, detail::serve_op{service, nullptr, &acceptor}, token);
}
template <class Token> auto peer::async_serve(std::string_view service, std::nullptr_t, Token token) {
  return detail::async(state_, detail::serve_op{service, nullptr, nullptr}, token);
}
template <class Token> auto peer::async_accept(std::string_view service, Token token) {
  return detail::async(state_, detail::accept_op{service}, token);
}
template <class Token> auto peer::async_open(std::string_view to, std::string_view service, Token token) {
  return detail::async(state_, detail::open_op{to, service, nullptr}, token);
}
template <class Token>
auto peer::async_open(std::string_view to, std::string_view service, const std::vector<std::string>& headers,
                      Token token) {
  return detail::async(state_, detail::open_op{to, service, &headers}, token);
}
template <class Token> auto peer::async_ping(std::string_view name, Token token) {
  return detail::async(state_, detail::ping_op{name}, token);
}
template <class Token> auto peer::async_set_option(std::string_view name, std::string_view setting, Token token) {
  return detail::async(state_, detail::set_option_op{name, setting}, token);
}
template <class Token> auto peer::async_get_option(std::string_view name, Token token) const {
  return detail::async(state_, detail::get_option_op{name}, token);
}
template <class Token> auto peer::async_shutdown(Token token) {
  return detail::async(state_, detail::shutdown_op{}, token);
}

namespace detail {

/// A handler that spawns the coroutine which `handler` returns, on the worker of the channel.
template <class Handler> std::function<void(channel)> spawning(Handler handler) {
  return [handler = std::move(handler)](channel ch) {
    const auto executor = executor_of(ch);
    // The frame of `run` keeps handler and channel alive for the coroutine that the handler returns.
    auto run = [](Handler serve, channel with) -> boost::asio::awaitable<void> {
      std::exception_ptr thrown;
      try {
        co_await serve(with);
      } catch (...) {
        thrown = std::current_exception();
      }
      if (thrown) handler_failed(with, thrown);
    };
    boost::asio::co_spawn(executor, run(handler, std::move(ch)), [](const std::exception_ptr&) {});
  };
}

// Keeps the handler for the operation, which begins when it is awaited.
inline boost::asio::awaitable<result<void>> serve_with(std::shared_ptr<peer_state> on, std::string_view service,
                                                       std::function<void(channel)> handler) {
  const serve_op op{service, &handler, nullptr};
  auto asking = await(on, op);
  co_return co_await std::move(asking);
}

}  // namespace detail

template <class Handler>
requires detail::coroutine_handler<Handler> result<void> peer::serve(std::string_view service, Handler handler) {
  return this->serve(service, detail::spawning(std::move(handler)));
}
template <class Handler, class Token>
requires detail::coroutine_handler<Handler>
auto peer::async_serve(std::string_view service, Handler handler, Token token) {
  auto spawning = detail::spawning(std::move(handler));
  if constexpr (std::is_same_v<Token, detail::default_token> || std::is_same_v<Token, boost::asio::use_awaitable_t<>>)
    return detail::serve_with(state_, service, std::move(spawning));
  else
    return detail::async(state_, detail::serve_op{service, &spawning, nullptr}, token);
}

}  // namespace duplex
