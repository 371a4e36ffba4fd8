// SPDX-License-Identifier: BSD-2-Clause
#pragma once
#include "tools/bench/libssh_session.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <functional>
#include <string>

/// The bare libssh under a coroutine: what it costs that Asio waits for the socket and resumes who reads, still with
/// nothing of ours.
namespace bench::bare {

/// What came on a channel, for one coroutine.
class mailbox : public channel_user {
 public:
  void opened(channel&) override { is_open_ = true; }
  void received(channel& on, std::string_view bytes) override;
  /// What has come, or what comes next.
  boost::asio::awaitable<std::string> next();
  /// Resumes who waits, if something has come. Outside libssh's poll.
  void tell();
  bool is_open() const { return is_open_; }
  /// Where something has come; null before.
  channel* from() const { return from_; }

 private:
  bool is_open_ = false;
  channel* from_ = nullptr;
  std::string held_;
  std::function<void()> waiting_;
};

/// Takes a session over from its loop, and its mailbox with it.
class on_asio {
 public:
  on_asio(loop& from, session& on, mailbox& in);
  on_asio(const on_asio&) = delete;
  ~on_asio();
  /// Until `user` has returned, or the session is over.
  void run(boost::asio::awaitable<void> user);

 private:
  void wait();
  session& on_;
  mailbox& in_;
  boost::asio::io_context io_{1};
  boost::asio::posix::stream_descriptor socket_;
};

/// The server's side of the echo, and the client's: one frame after the other, or many in flight.
void echo_in_coroutine(loop& io, mailbox& in);
void run_echo_in_coroutine(const std::string& where);
void run_echo_in_flight_in_coroutine(const std::string& where);

}  // namespace bench::bare
