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

asio::awaitable<void> send_back(mailbox& in) {
  for (;;) {
    const auto bytes = co_await in.next();
    if (in.from()->on->write_now(*in.from(), bytes) != bytes.size()) fail("libssh does not take an echo at once");
  }
}

asio::awaitable<void> echo_one_by_one(channel& to, mailbox& in, round_trips& trips) {
  const std::string frame(small_size, 'x');
  while (trips.lap()) {
    if (to.on->write_now(to, frame) != frame.size()) fail("libssh does not take a frame at once");
    for (std::size_t got = 0; got < small_size;) {
      const auto bytes = co_await in.next();
      got += bytes.size();
    }
  }
}

}  // namespace

void echo_in_coroutine(loop& io, mailbox& in) { on_asio{io, *in.from()->on, in}.run(send_back(in)); }

void run_echo_in_coroutine(const std::string& where) {
  mailbox in;
  round_trips trips;
  loop io{0};
  auto& on = io.dial(where);
  auto& to = on.open("echo-coroutine", in);
  on.pump();
  io.until([&] { return in.is_open(); });
  on_asio{io, on, in}.run(echo_one_by_one(to, in, trips));
  trips.report();
}

}  // namespace bench::bare
