// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/fn.hpp>

#include <cstdint>
#include <string>
#include <vector>

// The services that every peer with RPC has, for who may open them: `peer.use<reflection>("hub")`.

namespace duplex::rpc {

/// *Value.* A field of a type, or a method's in text: "i32", "string?", "[demo.point]".
struct field_info {
  std::string name, type;
};
/// *Value.* A type that signatures name.
struct type_info {
  std::string name;
  std::vector<field_info> fields;
};
/// *Value.* A method. `kind` is "unary", "server stream", "client stream", "both ways", "one-way" or "bytes".
struct method_info {
  std::string name;       ///< "add"
  std::string signature;  ///< "(i32, i32) -> i32"
  std::string kind, doc;
  bool idempotent = false;
};
/// *Value.* A service.
struct service_info {
  std::string name;
  std::vector<method_info> methods;
  std::vector<type_info> types;  ///< those that the signatures name, and theirs
};

/// What is served: of the methods those that the caller's key may call.
struct reflection {
  static constexpr auto service = "duplex.Reflection";
  fn<std::vector<service_info>(), idempotent, doc("the services and their methods")> list;
  fn<service_info(std::string), idempotent, doc("one service")> describe;
  fn<std::vector<std::string>(), idempotent, doc("the codecs that are known here")> codecs;
};

/// How a service does: "serving" or "not_serving", as `peer::set_health` says; the empty name is the whole peer.
struct health {
  static constexpr auto service = "duplex.Health";
  fn<std::string(std::string), idempotent, doc("now; not_found for a service that is not served")> check;
  fn<stream<std::string>(std::string), doc("now, and each change; give it a deadline of its own")> watch;
};

/// *Value.* Who a peer is.
struct peer_identity {
  std::string name, fingerprint, version;
  std::vector<std::string> endpoints;  ///< where it listens
  std::int64_t uptime = 0;             ///< milliseconds
};
/// *Value.* A channel of a session.
struct channel_info {
  std::string service;
  bool opened_here = false;
  std::int64_t age = 0;                  ///< milliseconds
  std::uint64_t queued = 0, unread = 0;  ///< bytes to be sent, and received but not yet read
};
/// *Value.* A session.
struct session_info {
  std::string peer, fingerprint, address;
  bool dialled = false, stock = false;
  std::int64_t age = 0;  ///< milliseconds
  std::vector<channel_info> channels;
};

/// What a peer is and holds.
struct introspection {
  static constexpr auto service = "duplex.Peer";
  fn<peer_identity(), idempotent, doc("who this peer is")> self;
  fn<peer_identity(), idempotent, doc("who the caller is, as seen here")> caller;
  fn<std::vector<session_info>(), idempotent, doc("sessions and their channels, with ages and queued bytes")> sessions;
};

}  // namespace duplex::rpc
