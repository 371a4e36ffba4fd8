// SPDX-License-Identifier: BSD-2-Clause
#pragma once

/// Everything: the runtime, peers and channels with their blocking and asynchronous faces, keys, values.
#include <duplex/async.hpp>
#include <duplex/authorized_keys.hpp>
#include <duplex/bytes.hpp>
#include <duplex/channel.hpp>
#include <duplex/channel_actor.hpp>
#include <duplex/descriptor.hpp>
#include <duplex/endpoint.hpp>
#include <duplex/error.hpp>
#include <duplex/frame.hpp>
#include <duplex/key.hpp>
#include <duplex/known_hosts.hpp>
#include <duplex/log.hpp>
#include <duplex/messages.hpp>
#include <duplex/meta.hpp>
#include <duplex/operations.hpp>
#include <duplex/options.hpp>
#include <duplex/peer.hpp>
#include <duplex/peer_actor.hpp>
#include <duplex/percent.hpp>
#include <duplex/report.hpp>
#include <duplex/result.hpp>
#include <duplex/rights.hpp>
#include <duplex/runtime.hpp>
#include <duplex/version.hpp>
