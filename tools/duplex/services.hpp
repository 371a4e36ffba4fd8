// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/endpoint.hpp>
#include <duplex/peer.hpp>

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <string>

namespace duplex::tools {

/// Handles one channel, on the channel's worker.
using service = std::function<boost::asio::awaitable<void>(channel)>;

/// From the KIND of the command line; `by` is the serving peer, set before the first channel comes. Errors:
/// `invalid_argument`, with the kinds there are.
result<service> make_service(const std::string& kind, const std::shared_ptr<const peer>& by);

/// Runs `command` by /bin/sh -c in a process group of its own: the channel is its stdin and stdout, error frames are
/// its stderr, `status` is its exit code, or 128 and the signal that ended it. Ended when the channel goes. Its
/// environment tells who calls: DUPLEX_SERVICE, DUPLEX_REMOTE_PEER, _REMOTE_KEY, _REMOTE_ADDRESS, DUPLEX_KEY_COMMENT,
/// DUPLEX_USER, and each header `name=value` as DUPLEX_HEADER_name; what is unknown is not set.
boost::asio::awaitable<void> run_command(channel ch, std::string command);

/// Splices the channel with a connection to `where`, tcp or unix, until both directions have ended.
boost::asio::awaitable<void> join(channel ch, endpoint where);

/// Says `status` and `reason` as the last word, and closes.
boost::asio::awaitable<void> end_with(channel ch, unsigned status, std::string reason);

/// Calls `then` once the channel is gone. Unlike a read, this notices while nobody reads, and after the remote side's
/// end of stream.
boost::asio::awaitable<void> when_gone(channel ch, std::function<void()> then);

}  // namespace duplex::tools
