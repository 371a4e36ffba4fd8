// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/bytes.hpp>
#include <duplex/endpoint.hpp>
#include <duplex/error.hpp>
#include <duplex/frame.hpp>
#include <duplex/meta.hpp>
#include <duplex/report.hpp>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/atom.hpp>
#include <caf/error.hpp>
#include <caf/type_id.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace duplex {

/// *Value.* One remote peer, as `peers` lists it.
struct peer_info {
  std::string name;            ///< what it claims; else the endpoint that was dialled, or `stdio:` or `fd:N`
  std::string fingerprint;     ///< SHA256 of the key that signed
  std::string address;         ///< where it is
  std::string version;         ///< "duplex 0.1.0"
  std::uint32_t sessions = 0;  ///< how many lead there now
};

/// *Value.* What a ping found.
struct ping_report {
  peer_info peer;
  std::chrono::nanoseconds round_trip{0};  ///< from the request to the answer, our queues included
};

/// How a subscriber wants the bytes of a channel.
enum class delivery : std::uint8_t {
  frames,  ///< as `(frames_atom, frames)`: whole frames, all of one wake-up in one message
  bytes,   ///< as `(bytes_atom, bytes)`: whatever arrived
};

/// *Value.* A life-cycle event of a remote peer, sent to those who subscribed to a peer; or, as `ended`, of an
/// endpoint, `peer.address`, that by itself is bound or dialled no longer: what will not change by dialling again, or
/// the end of a session at `stdio:` or `fd:N`.
struct peer_event {
  enum class kind : std::uint8_t { up, down, draining, ended };
  kind what;
  peer_info peer;
  error reason;  ///< of `down` and `ended`
};

/// A CAF error and ours, both ways. Errors of CAF's own become the nearest of ours: a request that nobody answers
/// in time is `timed_out`, an actor that is gone is `closed`. Thread: any.
caf::error to_caf(const error& e);
error from_caf(const caf::error& e);

/// How a channel's actor ends: the reason, and the trailers the remote side sent, both in the down message. Thread:
/// any.
caf::error end_reason(const error& why, const std::vector<std::string>& trailers, bool trailed);
/// Whether a channel ended because the remote side closed it. Thread: any.
bool ended_by_remote(const caf::error& reason);
/// The trailers within such a reason; nothing, and `trailed` false, when the remote side sent none.
/// Thread: any.
std::vector<std::string> trailers_of(const caf::error& reason, bool& trailed);

}  // namespace duplex

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::bytes)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::frames)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::endpoint)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::meta)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::error)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::peer_info)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<duplex::peer_info>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::ping_report)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::peer_report)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<duplex::session_report>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::peer_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::delivery)

// The verbs of the interface; CAF 0.17 packs at most ten characters into an atom.
CAF_BEGIN_TYPE_ID_BLOCK(duplex, first_custom_type_id + 500)
// peer
CAF_ADD_ATOM(duplex, duplex, bind_atom, "bind")
CAF_ADD_ATOM(duplex, duplex, unbind_atom, "unbind")
CAF_ADD_ATOM(duplex, duplex, connect_atom, "connect")
CAF_ADD_ATOM(duplex, duplex, disconnect_atom, "disconnect")
CAF_ADD_ATOM(duplex, duplex, peers_atom, "peers")
CAF_ADD_ATOM(duplex, duplex, sessions_atom, "sessions")
CAF_ADD_ATOM(duplex, duplex, self_atom, "self")
CAF_ADD_ATOM(duplex, duplex, drop_atom, "drop")
CAF_ADD_ATOM(duplex, duplex, next_atom, "next_peer")
CAF_ADD_ATOM(duplex, duplex, serve_atom, "serve")
CAF_ADD_ATOM(duplex, duplex, accept_atom, "accept")
CAF_ADD_ATOM(duplex, duplex, open_atom, "open")
CAF_ADD_ATOM(duplex, duplex, ping_atom, "ping")
CAF_ADD_ATOM(duplex, duplex, set_atom, "set_option")
CAF_ADD_ATOM(duplex, duplex, get_atom, "get_option")
CAF_ADD_ATOM(duplex, duplex, event_atom, "event")
// channel
CAF_ADD_ATOM(duplex, duplex, read_atom, "read")
CAF_ADD_ATOM(duplex, duplex, write_atom, "write")
CAF_ADD_ATOM(duplex, duplex, frames_atom, "frames")
CAF_ADD_ATOM(duplex, duplex, bytes_atom, "bytes")
CAF_ADD_ATOM(duplex, duplex, error_atom, "error")
CAF_ADD_ATOM(duplex, duplex, credit_atom, "credit")
CAF_ADD_ATOM(duplex, duplex, sent_atom, "sent")
CAF_ADD_ATOM(duplex, duplex, subscribe_atom, "subscribe")
CAF_ADD_ATOM(duplex, duplex, eof_atom, "eof")
CAF_ADD_ATOM(duplex, duplex, trailers_atom, "trailers")
CAF_ADD_ATOM(duplex, duplex, close_atom, "close")
CAF_ADD_ATOM(duplex, duplex, join_atom, "join")
CAF_ADD_ATOM(duplex, duplex, send_atom, "send")
CAF_ADD_ATOM(duplex, duplex, meta_atom, "meta")
CAF_END_TYPE_ID_BLOCK(duplex)
