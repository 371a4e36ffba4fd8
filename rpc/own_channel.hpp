// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "rpc/channel_source.hpp"
#include "rpc/link.hpp"

#include <array>

namespace duplex::rpc::detail {

// Calls with a channel of their own, docs/protocol.md "Calls with a channel of their own".

/// The headers of such a channel that are not the caller's own.
inline constexpr std::array<const char*, 4> reserved_headers = {"codec=", "deadline=", "call=", "channels="};

/// The status in trailers; `otherwise` when they have none.
rpc::status status_in(const metadata& trailers, rpc::status otherwise);
/// Trailers that say it.
metadata trailers_with(const rpc::status& how, const metadata& items);

/// The number that an item says, 0 when it says none.
std::uint64_t number_in(const metadata& items, std::string_view key);
/// The others among them.
metadata without_status(metadata trailers);

/// Thrown by `pump`: the other side has closed the channel, and reads no more.
struct unread : std::exception {
  [[nodiscard]] const char* what() const noexcept override { return "the other side reads no more"; }
};
bool is_unread(const std::exception_ptr& thrown);

/// The objects of a call's result, which settle the call when they end.
std::shared_ptr<channel_source> make_results(const call_ptr& of, const item_ops& as);

/// Writes objects as they come, until the end. Throws what ended them early, and `unread`.
task<void> pump(source_ptr from, const item_ops& as, channel to, codec_ptr codec, std::shared_ptr<handles> with,
                interceptors* seen_by);
/// Writes a frame, waiting for the channel to drain. Throws `failure`.
task<void> write_frame(channel to, std::string frame);

/// Ends this side of a channel: no more frames, then its last word.
task<void> end_writing(channel to, metadata trailers);

/// A call that arrived on a channel of its own: served to its end. `on` is null for a channel that was opened to the
/// method by name.
task<void> serve_channel(std::shared_ptr<rpc_core> core, link_ptr on, channel ch);

}  // namespace duplex::rpc::detail
