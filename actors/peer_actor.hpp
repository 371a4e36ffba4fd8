// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/peer.hpp>

#include "actors/accept_queue.hpp"
#include "actors/channel_actor.hpp"
#include "actors/dispatcher.hpp"
#include "actors/offers.hpp"
#include "runtime/messages.hpp"
#include "runtime/pinned.hpp"
#include "transport/listener.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace duplex::detail {

/// A peer's actor as the library sees it: with the messages of its sessions and of the runtime.
using peer_core_actor =
    peer_actor::extend<caf::reacts_to<attach_atom, caf::actor>,  // a session exists
                       caf::replies_to<up_atom, caf::actor, transport::session_info_ptr>::with<void>,  // it claims a
                                                                                                       // name
                       caf::reacts_to<incoming_atom, caf::actor, std::string>,  // a channel asks to be kept
                       caf::reacts_to<plan_atom>,                               // to itself: publish
                       caf::reacts_to<draining_atom, caf::actor, error>,        // the remote side will leave
                       caf::reacts_to<offer_atom, caf::actor, std::string, std::uint16_t>,  // ssh -R
                       caf::reacts_to<withdraw_atom, caf::actor, std::string, std::uint16_t>,
                       caf::reacts_to<access_atom, transport::authorized_keys_ptr>,  // the access list changed
                       caf::reacts_to<shutdown_atom, std::chrono::milliseconds>,     // the runtime ends
                       caf::reacts_to<retry_atom>,                                   // to itself: an open waits
                       caf::reacts_to<drop_atom>>;                                   // to itself: linger is over

/// *Actor, pinned.* Knows who is connected and which services there are; owns listeners, diallers and sessions.
class peer_core final : public pinned_actor<peer_core_actor::base> {
 public:
  peer_core(caf::actor_config& config, worker* home, options settings, result<key> identity);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "duplex.peer"; }

 private:
  struct session_entry {
    caf::actor actor;
    transport::session_info_ptr about;  // once authenticated
    bool draining = false;
    bool listed = false;  // among those that opens may go to
  };
  struct remote {
    peer_info info;
    std::string instance;
    std::vector<caf::actor> sessions;
    std::size_t turn = 0;
  };
  struct waiting_open {
    std::string to, service;
    std::vector<std::string> headers;
    caf::response_promise answer;
    std::chrono::steady_clock::time_point due;
  };
  struct service {
    caf::actor acceptor;                // or, when null:
    accept_queue<channel_actor> queue;  // for `accept`
  };

  caf::result<endpoint> bind(const endpoint& where);
  caf::result<peer_info> connect(const endpoint& where);
  caf::result<void> come_up(const caf::actor& session, const transport::session_info_ptr& about);
  void list(const caf::actor& session, const transport::session_info_ptr& about);
  caf::result<void> replace(const caf::actor& session, const transport::session_info_ptr& about);
  static error held(const remote& by);
  void incoming(const caf::actor& channel, const std::string& name);
  void forward(const caf::actor& channel, const std::string& name);
  void offered(const caf::actor& session, const std::string& name, std::uint16_t port);
  void withdrawn(const caf::actor& session, const std::string& name, std::uint16_t port);
  caf::result<channel_actor> accept(const std::string& name);
  caf::result<void> register_service(const std::string& name, const caf::actor& acceptor);
  caf::result<channel_actor> open(const std::string& to, std::string& service, std::vector<std::string>& headers);
  caf::result<ping_report> ping(const std::string& to);
  caf::result<peer_report> report() const;
  caf::result<std::vector<session_report>> report_sessions();
  bool is_expected() const;
  void settle_opens();
  caf::result<void> set_option(const std::string& name, const std::string& value);
  result<remote*> find_remote(const std::string& name);
  caf::actor pick(remote& among);
  void gone(const caf::down_msg& down);
  void unlist(const caf::actor& session, const error& why);
  void announce(peer_event::kind what, const peer_info& whom, const error& why);
  void publish();
  void publish_soon();
  void watch_access(std::function<void()> then);
  template <class Verb> void shut_down(std::chrono::milliseconds linger, Verb to_sessions);
  void end_listener(const caf::actor& which, caf::response_promise freed);
  void finish_if_empty();
  caf::actor self_handle() { return caf::actor_cast<caf::actor>(this); }
  static std::string label(const transport::session_info& about);

  const std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
  std::shared_ptr<const options> settings_;
  result<key> identity_;
  error broken_;  // why nothing works: options or key
  transport::session_plan_ptr plan_;
  std::multimap<std::string, caf::actor, std::less<>> listeners_, diallers_;  // several diallers: option sessions
  std::set<std::string> binding_;                           // endpoints that a listener is being made for
  std::map<caf::actor_id, caf::response_promise> closing_;  // listeners that end, and who waits for the endpoint
  std::map<caf::actor_id, session_entry> sessions_;
  std::map<std::string, remote, std::less<>> remotes_;
  std::map<std::string, service, std::less<>> services_;
  offers offers_;
  caf::actor access_;                        // watches the access list, from the first bind on
  std::vector<waiting_open> waiting_opens_;  // for a remote peer that is being dialled
  std::vector<caf::actor> observers_;
  std::vector<caf::response_promise> leaving_;
  dispatcher turns_;
  bool shutting_down_ = false, publishing_ = false;
};

}  // namespace duplex::detail
