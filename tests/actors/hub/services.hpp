// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/duplex.hpp>

namespace duplex::test {

/// Gives `hub` the services that the behaviour suite uses; `services.cpp` says what each does. `hub` must stay where it
/// is until its runtime has been shut down.
result<void> serve_behaviour(peer& hub);

}  // namespace duplex::test
