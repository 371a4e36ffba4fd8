// SPDX-License-Identifier: BSD-2-Clause
#pragma once

// Duplex RPC, and all of Duplex: start with rpc/fn.hpp, what a service is made of, and rpc/peer.hpp, which serves and
// uses it. Link duplex::rpc.

#include <duplex/duplex.hpp>
#include <duplex/rpc/call.hpp>
#include <duplex/rpc/codec.hpp>
#include <duplex/rpc/context.hpp>
#include <duplex/rpc/fn.hpp>
#include <duplex/rpc/handles.hpp>
#include <duplex/rpc/interceptor.hpp>
#include <duplex/rpc/peer.hpp>
#include <duplex/rpc/pipe.hpp>
#include <duplex/rpc/services.hpp>
#include <duplex/rpc/status.hpp>
#include <duplex/rpc/stream.hpp>
