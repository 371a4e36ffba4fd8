// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "rpc/interceptors.hpp"
#include "rpc/served.hpp"

#include <string_view>

namespace duplex::rpc::detail {

class link;
class rpc_core;

/// What a call that arrived meets before its handler.
struct admission {
  rpc::status why;  // ok: it may run
  servable_ptr target;
  place in;
  interceptors seen_by;
  codec_limits limits;
};

/// Finds the method, or the function that was lent on `on`; asks the caller's key, the limit of the service and the
/// interceptors, which may change headers and deadline. Nothing has begun when it says no.
admission admit(rpc_core& core, link* on, const meta& caller, std::string_view method, metadata& headers,
                context::clock::time_point& deadline);

}  // namespace duplex::rpc::detail
