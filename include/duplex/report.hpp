// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace duplex {

/// *Value.* One channel of a session, as `peer::sessions` lists it: those that somebody here uses, children too, not
/// those that are closed here and have bytes left to send.
struct channel_report {
  std::string service;
  bool opened_here = false;
  std::chrono::milliseconds age{0};  ///< since its open was asked for here, or came
  std::uint64_t queued = 0;          ///< bytes written here that the connection has not taken yet
  std::uint64_t unread = 0;          ///< bytes that came and whose reader has returned no credit: at its next read
};

/// *Value.* One session with a remote side that has authenticated.
struct session_report {
  std::string name;                  ///< what the remote side claims; empty for none
  std::string fingerprint;           ///< SHA256 of the key that signed for it
  std::string address;               ///< where it is; its scheme tells the transport
  bool dialled = false;              ///< by this side
  bool stock = false;                ///< SSH software that knows nothing of Duplex: it has said no hello
  std::chrono::milliseconds age{0};  ///< since it was authenticated; that of no channel is more
  bool answered = false;             ///< within a second; else nothing is known of its channels
  std::vector<channel_report> channels;
};

/// *Value.* What a peer is.
struct peer_report {
  std::string name;  ///< the option; empty for none
  std::string fingerprint;
  std::vector<std::string> endpoints;  ///< bound now, with their real ports
  std::chrono::system_clock::time_point started;
};

}  // namespace duplex
