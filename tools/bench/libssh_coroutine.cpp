// SPDX-License-Identifier: BSD-2-Clause
#include "tools/bench/libssh_coroutine.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <utility>

namespace bench::bare {

namespace asio = boost::asio;

void mailbox::received(channel& on, std::string_view bytes) {
  from_ = &on;
  held_ += bytes;
}

asio::awaitable<std::string> mailbox::next() {
  if (held_.empty()) {
    const auto keep = [this](auto handler) {
      waiting_ = [kept = std::make_shared<decltype(handler)>(std::move(handler))] {
        asio::dispatch(asio::get_associated_executor(*kept), std::move(*kept));
      };
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(keep, asio::use_awaitable);
  }
  co_return std::exchange(held_, {});
}

void mailbox::tell() {
  if (held_.empty() || !waiting_) return;
  const auto resume = std::exchange(waiting_, nullptr);
  resume();
}

on_asio::on_asio(loop& from, session& on, mailbox& in) : on_(on), in_(in), socket_(io_, from.leave(on)) {}

on_asio::~on_asio() { socket_.release(); }  // the session's

void on_asio::run(asio::awaitable<void> user) {
  asio::co_spawn(io_, std::move(user), [this](const std::exception_ptr& why) {
    if (why) std::rethrow_exception(why);
    io_.stop();
  });
  wait();
  io_.run();
}

void on_asio::wait() {
  socket_.async_wait(socket_.wait_read, [this](boost::system::error_code failed) {
    if (!failed) on_.pump();
    if (failed || !on_.is_up()) return io_.stop();
    in_.tell();
    wait();
  });
}

namespace {

void send(channel& to, std::string_view bytes) {
  if (to.on->write_now(to, bytes) != bytes.size()) fail("libssh does not take an echo at once");
}

asio::awaitable<void> send_back(mailbox& in) {
  for (;;) {
    const auto bytes = co_await in.next();
    send(*in.from(), bytes);
  }
}

asio::awaitable<void> echo_one_by_one(channel& to, mailbox& in, round_trips& trips) {
  const std::string frame(small_size, 'x');
  while (trips.lap()) {
    send(to, frame);
    for (std::size_t got = 0; got < small_size;) {
      const auto bytes = co_await in.next();
      got += bytes.size();
    }
  }
}

/// What came together goes back together.
asio::awaitable<void> keep_in_flight(channel& to, mailbox& in) {
  send(to, std::string(small_size * in_flight, 'x'));
  std::size_t held = 0;
  for (meter done;; held %= small_size) {
    const auto bytes = co_await in.next();
    held += bytes.size();
    if (done.done(held / small_size)) co_return report("per_second", done.rate());
    send(to, bytes);
  }
}

/// A session whose channel is open.
struct client {
  explicit client(const std::string& where) : on(io.dial(where)), to(on.open("echo-coroutine", in)) {
    on.pump();
    io.until([&] { return in.is_open(); });
  }
  void run(asio::awaitable<void> user) { on_asio{io, on, in}.run(std::move(user)); }

  mailbox in;
  loop io{0};
  session& on;
  channel& to;
};

}  // namespace

void echo_in_coroutine(loop& io, mailbox& in) { on_asio{io, *in.from()->on, in}.run(send_back(in)); }

void run_echo_in_coroutine(const std::string& where) {
  client me{where};
  round_trips trips;
  me.run(echo_one_by_one(me.to, me.in, trips));
  trips.report();
}

void run_echo_in_flight_in_coroutine(const std::string& where) {
  client me{where};
  me.run(keep_in_flight(me.to, me.in));
}

}  // namespace bench::bare
