// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/channel.hpp>
#include <duplex/meta.hpp>

#include <caf/event_based_actor.hpp>

#include <string>
#include <vector>

namespace duplex::detail {

/// The headers of a channel that is passed on: its own, then who is behind it.
std::vector<std::string> relayed_headers(const meta& original);
/// Takes those headers out again.
void take_relayed(meta& about);

/// *Actor.* Sends `what` over a channel, once: (send_atom) is answered when the remote side has it, or with the error.
caf::behavior sending(caf::event_based_actor* self, const channel_actor& over, const channel_actor& what);

}  // namespace duplex::detail
