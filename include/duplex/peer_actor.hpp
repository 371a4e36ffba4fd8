// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/channel_actor.hpp>
#include <duplex/endpoint.hpp>
#include <duplex/messages.hpp>

#include <caf/actor.hpp>
#include <caf/typed_actor.hpp>

#include <string>
#include <vector>

namespace duplex {

/// *Actor.* A peer: binds and connects to many endpoints, is client and server at once. An open is one message,
/// delegated from the peer to the session it picks and on to the new channel, which answers the asker itself.
using peer_actor = caf::typed_actor<
    /// Listens; answers with the endpoint as it is, with the real port.
    caf::replies_to<bind_atom, endpoint>::with<endpoint>,
    /// Stops listening; answers when the endpoint is free again. Sessions stay.
    caf::replies_to<unbind_atom, endpoint>::with<void>,
    /// Keeps a session to there; answers when the first attempt has succeeded or failed, and goes on trying.
    caf::replies_to<connect_atom, endpoint>::with<peer_info>,
    /// Stops trying, and ends the session.
    caf::replies_to<disconnect_atom, endpoint>::with<void>,
    /// The remote peers that opens may go to.
    caf::replies_to<peers_atom>::with<std::vector<peer_info>>,
    /// The sessions, stock clients' included, with their channels; after a second without those that did not say.
    caf::replies_to<sessions_atom>::with<std::vector<session_report>>,
    /// What the peer itself is.
    caf::replies_to<self_atom>::with<peer_report>,
    /// Ends all sessions with a remote peer, telling it the reason.
    caf::replies_to<drop_atom, std::string, std::string>::with<void>,
    /// Round robin over the remote peers.
    caf::replies_to<next_atom>::with<std::string>,
    /// Channels for that service go to the actor, as `(accept_atom, channel_actor, meta)`.
    caf::replies_to<serve_atom, std::string, caf::actor>::with<void>,
    /// Channels for that service wait for `accept`; an empty name takes all services that nobody serves.
    caf::replies_to<serve_atom, std::string>::with<void>,
    /// The next channel for that service, or of any other one for an empty name; registers it as `serve` does.
    caf::replies_to<accept_atom, std::string>::with<channel_actor>,
    /// Opens a channel: remote peer (empty: the next one), service, headers.
    caf::replies_to<open_atom, std::string, std::string, std::vector<std::string>>::with<channel_actor>,
    /// A round trip to a remote peer (empty: the next one).
    caf::replies_to<ping_atom, std::string>::with<ping_report>,
    /// Options by name; what sessions were made from stays as it was.
    caf::replies_to<set_atom, std::string, std::string>::with<void>,
    caf::replies_to<get_atom, std::string>::with<std::string>,
    /// From now on that actor receives `(event_atom, peer_event)`.
    caf::replies_to<subscribe_atom, caf::actor>::with<void>,
    /// Stops listening, says goodbye, lets channels flush for `linger`, ends.
    caf::replies_to<close_atom>::with<void>>;

}  // namespace duplex

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::peer_actor)
