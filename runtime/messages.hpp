// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <caf/type_id.hpp>

// The runtime's own words. The actors layer has its block below 900, so that both can grow.
CAF_BEGIN_TYPE_ID_BLOCK(duplex_runtime, first_custom_type_id + 900)

// (shutdown, std::chrono::milliseconds left): finish what runs, then quit.
CAF_ADD_ATOM(duplex_runtime, duplex, shutdown_atom, "shutdown")

CAF_END_TYPE_ID_BLOCK(duplex_runtime)
