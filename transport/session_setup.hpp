// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/key.hpp>
#include <duplex/options.hpp>

#include "transport/channel_setup.hpp"
#include "transport/handshake.hpp"
#include "transport/messages.hpp"
#include "transport/unique_fd.hpp"

#include <caf/actor.hpp>

#include <memory>

namespace duplex::transport {

/// *Value.* What a session is made from.
struct session_setup {
  side role;
  unique_fd socket;
  session_info about;  ///< what is known before the handshake
  std::shared_ptr<const options> settings;
  key identity;
  caf::actor peer;      ///< hears attach, up, incoming, draining; the session ends with it
  caf::actor reporter;  ///< listener or dialler: hears authed and up
  channel_factory make_channel;
  served_names_ptr served;
  authorized_keys_ptr admitted;  ///< who may connect here, whatever the options and the peer's list say; may be null
};

}  // namespace duplex::transport
