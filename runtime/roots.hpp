// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <caf/actor_control_block.hpp>
#include <caf/fwd.hpp>

#include <string>

namespace duplex::detail {

/// Registers an actor that runtime::shutdown tells `(shutdown_atom, std::chrono::milliseconds left)`, awaits until the
/// deadline and then kills, naming it in the report. Kept weakly. Does nothing when `system` is not a runtime's.
/// Thread: any.
void add_root(caf::actor_system& system, const caf::strong_actor_ptr& actor, std::string name);

}  // namespace duplex::detail
