// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "transport/listener.hpp"

#include <boost/asio/local/stream_protocol.hpp>

#include <random>

namespace duplex::transport {

/// *Value.* How long to wait before the next attempt: doubling, with up to half of it as jitter, so that many diallers
/// do not come back at the same moment.
class back_off {
 public:
  back_off(std::chrono::milliseconds first, std::chrono::milliseconds last)
      : first_(first), last_(last), next_(first) {}

  /// `random` in [0, 1).
  std::chrono::milliseconds next(double random);
  void reset() noexcept { next_ = first_; }

 private:
  std::chrono::milliseconds first_, last_, next_;
};

/// *Actor, pinned.* Keeps one session to one endpoint: dials, or runs the endpoint's command, and does so again with
/// back-off when the session or the attempt fails, unless the reason will not go away by itself (a key, a host key, a
/// name) or the endpoint was an inherited socket. Messages: (connect_atom) ->
/// session_info_ptr or the first attempt's error; (plan_atom, plan); (drain_atom): no further attempt. Ends when told
/// to; its session goes with it.
class dialler final : public detail::pinned_actor<caf::event_based_actor> {
 public:
  dialler(caf::actor_config& config, detail::worker* home, endpoint where, session_plan_ptr plan);

  caf::behavior make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "duplex.dialler"; }

 private:
  void dial();
  void connect_local();
  void run_command();
  void use_inherited();
  void connect_inproc();
  template <class Socket> void connected(Socket& socket, session_info about);
  void connected(unique_fd socket, session_info about);
  void ended(const caf::down_msg& gone);
  void failed(const error& why);
  void log(log_record::level severity, std::string text) const;

  endpoint where_;
  session_plan_ptr plan_;
  back_off wait_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::local::stream_protocol::socket local_;
  boost::asio::steady_timer timer_;
  caf::response_promise first_;
  caf::actor session_, command_;
  error why_, last_word_;  // of the session and of the command, until both are over
  bool waiting_ = false;   // for the first attempt's outcome
  bool finished_ = false;  // no further attempt
};

}  // namespace duplex::transport
