// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/messages.hpp>
#include <duplex/rights.hpp>

#include "transport/authorized_keys.hpp"
#include "transport/open_record.hpp"

#include <caf/actor.hpp>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace duplex::transport {

/// *Value.* What is known of a session's remote side; shared by its channels.
struct session_info {
  std::string local_name;
  std::string remote_name;  ///< claimed in hello; empty for none
  std::string instance;
  std::string version;
  std::string remote_key;                ///< fingerprint of the key that signed
  std::string address;                   ///< tcp://host:port of the remote socket
  std::string dialled;                   ///< the endpoint, when this side dialled
  std::string link;                      ///< `stdio:` or `fd:N`: the acceptor's end of a link with one remote side
  std::string user;                      ///< of SSH, as the dialler gave it
  std::string key_comment;               ///< of the line that admits the key
  std::optional<credentials> process;    ///< of the remote side, on unix sockets
  std::uint64_t max_frame = UINT64_MAX;  ///< the largest frame it takes
  bool native = false;                   ///< hello has come
  duplex::rights rights;                 ///< what the remote side may do
  std::chrono::steady_clock::time_point authenticated;  ///< since when; no channel is older
};
using session_info_ptr = std::shared_ptr<const session_info>;

/// *Value.* What waits in the stream of a channel, in bytes.
struct channel_load {
  caf::actor channel;
  std::uint64_t queued, unread;
};
using channel_loads = std::vector<channel_load>;

/// *Value.* The names that a stock client may ask for: SSH wants the answer within the request.
struct served_names {
  std::set<std::string, std::less<>> names, offered;  ///< served here; offered by stock clients (ssh -R)
  bool all_others = false;
};
using served_names_ptr = std::shared_ptr<const served_names>;

}  // namespace duplex::transport

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::transport::session_info_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::transport::served_names_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::transport::authorized_keys_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::transport::channel_id)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::transport::channel_loads)

// Between listener, dialler, session and the actors above them.
CAF_BEGIN_TYPE_ID_BLOCK(duplex_transport, first_custom_type_id + 700)
CAF_ADD_ATOM(duplex_transport, duplex, wake_atom, "wake")          // session -> channel: look at your stream
CAF_ADD_ATOM(duplex_transport, duplex, attach_atom, "attach")      // session -> peer: I exist
CAF_ADD_ATOM(duplex_transport, duplex, authed_atom, "authed")      // session -> listener: no longer a start-up
CAF_ADD_ATOM(duplex_transport, duplex, up_atom, "up")              // session -> peer, dialler: names are exchanged
CAF_ADD_ATOM(duplex_transport, duplex, incoming_atom, "incoming")  // session -> peer, parent: a channel asks to be kept
CAF_ADD_ATOM(duplex_transport, duplex, keep_atom, "keep")          // peer, or parent -> channel that arrived
CAF_ADD_ATOM(duplex_transport, duplex, refuse_atom, "refuse")      // the same: no
CAF_ADD_ATOM(duplex_transport, duplex, draining_atom, "draining")  // session -> peer: the remote side said goodbye
CAF_ADD_ATOM(duplex_transport, duplex, drain_atom, "drain")        // peer -> session: say goodbye, then end
CAF_ADD_ATOM(duplex_transport, duplex, services_atom, "services")  // peer -> session: served_names
CAF_ADD_ATOM(duplex_transport, duplex, access_atom, "access")      // watch -> peer -> session: authorized_keys_ptr
CAF_ADD_ATOM(duplex_transport, duplex, offer_atom, "offer")        // session -> peer: ssh -R
CAF_ADD_ATOM(duplex_transport, duplex, withdraw_atom, "withdraw")  // session -> peer: that no longer
CAF_ADD_ATOM(duplex_transport, duplex, forward_atom, "forward")    // peer -> session: open what is offered
CAF_ADD_ATOM(duplex_transport, duplex, report_atom, "report")      // peer -> session: channel_loads, of all there are
CAF_ADD_ATOM(duplex_transport, duplex, plan_atom, "plan")          // peer -> listener, dialler: session_plan_ptr
CAF_ADD_ATOM(duplex_transport, duplex, claim_atom, "claim")        // session to itself: hello arrived
CAF_ADD_ATOM(duplex_transport, duplex, dead_atom, "dead")          // session to itself: the connection is over
CAF_ADD_ATOM(duplex_transport, duplex, ready_atom, "ready")        // readiness -> descriptor_relay
CAF_ADD_ATOM(duplex_transport, duplex, retry_atom, "retry")        // dialler to itself
CAF_END_TYPE_ID_BLOCK(duplex_transport)
