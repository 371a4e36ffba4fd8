// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "runtime/pinned.hpp"
#include "transport/session.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <caf/event_based_actor.hpp>

#include <sys/socket.h>
#include <sys/types.h>

#include <set>

namespace duplex::transport {

/// *Value.* What all sessions of a peer are made from; replaced as a whole when something in it changes.
struct session_plan {
  std::shared_ptr<const options> settings;
  key identity;
  caf::actor peer;
  channel_factory make_channel;
  served_names_ptr served;
};
using session_plan_ptr = std::shared_ptr<const session_plan>;

/// Spawns a session on the next worker; see session_setup for `admitted`. Thread: any.
caf::actor spawn_session(caf::actor_system& system, const session_plan& plan, side role, unique_fd socket,
                         session_info about, caf::actor reporter, authorized_keys_ptr admitted = nullptr);

/// *Actor, pinned.* Accepts connections at one endpoint, tcp, unix or an fd that listens, and makes sessions of them,
/// at most max_startups at a time that have not authenticated. Messages: (bind_atom) -> endpoint with the real port,
/// once; (plan_atom, plan). Ends when told to, closing the socket and removing a unix socket's path, not the sessions.
class listener final : public detail::pinned_actor<caf::event_based_actor> {
 public:
  listener(caf::actor_config& config, detail::worker* home, endpoint where, session_plan_ptr plan,
           authorized_keys_ptr admitted);

  caf::behavior make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "duplex.listener"; }

 private:
  void resolved(const boost::system::error_code& failed, const boost::asio::ip::tcp::resolver::results_type& found);
  void listen(const boost::asio::generic::stream_protocol::endpoint& at);
  error make_way();
  void adopt();
  void ready();
  void refuse(errc code, const std::string& why);
  void accept();
  void accept_one();
  void accepted(unique_fd socket, const sockaddr_storage& from);
  void pause(const char* why);
  void log(log_record::level severity, std::string text) const;

  endpoint where_;
  session_plan_ptr plan_;
  authorized_keys_ptr admitted_;  // see spawn_session
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol> acceptor_;
  boost::asio::steady_timer pause_;
  caf::response_promise bound_;
  ino_t inode_ = 0;                   // of the unix socket that was made
  std::set<caf::actor_id> startups_;  // sessions that have not authenticated
};

}  // namespace duplex::transport

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::transport::session_plan_ptr)
