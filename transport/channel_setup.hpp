// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "runtime/worker.hpp"
#include "transport/messages.hpp"
#include "transport/open_record.hpp"
#include "transport/stream.hpp"

#include <functional>
#include <string>
#include <vector>

namespace duplex::transport {

/// *Value.* What a channel actor is made from. The stream stays valid until the channel releases it or `owner` is let
/// go.
struct channel_setup {
  detail::worker* home;
  stream& carrier;
  caf::strong_actor_ptr owner;
  session_info_ptr about;
  std::string service;
  std::vector<std::string> headers;
  std::string originator;  ///< of a stock client's forwarded connection
  bool opened_here;
  bool stock;             ///< the remote side is stock software
  bool is_child = false;  ///< of another channel
  channel_id id = {};     ///< within the session
};
/// The layer above makes the channel actors.
using channel_factory = std::function<caf::actor(caf::actor_system&, channel_setup)>;

}  // namespace duplex::transport
