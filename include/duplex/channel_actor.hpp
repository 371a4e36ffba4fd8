// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/descriptor.hpp>
#include <duplex/messages.hpp>

#include <caf/actor.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <string>
#include <vector>

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::descriptor)

namespace duplex {

/// *Actor.* One channel. Requests answer with CAF errors made from `errc`; see `from_caf`. It ends, and so tells those
/// who monitor it, when the remote side has closed the channel and all that arrived was taken (reason `errc::closed`),
/// when the session is lost (`errc::connection_lost`), or when it is closed here (a normal exit). The trailers of the
/// remote side are in the reason: `trailers_of`.
using channel_actor = caf::typed_actor<
    /// Frames to send, and how many received bytes the sender is done with: the hot path, without an answer. Above
    /// `send_high_water` the credit is kept until the queue has drained, so an echo is bounded by what it reads.
    caf::reacts_to<write_atom, frames, std::uint32_t>,
    /// The same with an answer, once no more than `send_high_water` waits to be sent.
    caf::replies_to<write_atom, frames>::with<void>, caf::replies_to<write_atom, bytes>::with<void>,
    /// Error frames: SSH's stderr.
    caf::replies_to<error_atom, frames>::with<void>,
    /// Answers when no more than `send_low_water` waits to be sent.
    caf::replies_to<sent_atom>::with<void>,
    /// So many received bytes are done with: the remote side may send as many again.
    caf::reacts_to<credit_atom, std::uint32_t>,
    /// From now on everything that arrives goes to this actor: `(frames_atom, frames)` or `(bytes_atom, bytes)`, one
    /// message per wake-up, `(error_atom, frames)`, `(trailers_atom, list)`, `(eof_atom)`. It returns credit for both,
    /// in bytes on the wire, with its writes or by `credit`. The channel closes when the subscriber ends.
    caf::replies_to<subscribe_atom, caf::strong_actor_ptr, delivery>::with<void>,
    /// Waits for bytes, at most so many. `errc::end_of_stream` after the last.
    caf::replies_to<read_atom, std::uint64_t>::with<bytes>,
    /// Waits for frames: all that are there. The number is credit for those taken before.
    caf::replies_to<frames_atom, std::uint32_t>::with<frames>,
    /// Waits for error frames.
    caf::replies_to<error_atom>::with<frames>,
    /// Half-close: the remote side sees the end of the stream.
    caf::replies_to<eof_atom>::with<void>,
    /// The last word of this side; nothing can be written after it.
    caf::replies_to<trailers_atom, std::vector<std::string>>::with<void>,
    /// Waits for the remote side's last word. `errc::closed` when it closes without one.
    caf::replies_to<trailers_atom>::with<std::vector<std::string>>,
    /// Sends what is queued, then closes. Ends the actor.
    caf::replies_to<close_atom>::with<void>,
    /// Splices the two channels; neither may have a subscriber. Answers when both have ended.
    caf::replies_to<join_atom, caf::actor>::with<void>,
    /// The same with a descriptor.
    caf::replies_to<join_atom, descriptor>::with<void>,
    /// Sends a channel: opens a child for it and splices the two; see `channel::send`.
    caf::replies_to<send_atom, caf::actor>::with<void>,
    /// Opens a child: service, headers. Answers with its `channel_actor` (a type cannot name itself here).
    caf::replies_to<open_atom, std::string, std::vector<std::string>>::with<caf::actor>,
    /// The next child that the remote side opens, a `channel_actor` too.
    caf::replies_to<accept_atom>::with<caf::actor>, caf::replies_to<meta_atom>::with<meta>>;

}  // namespace duplex

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::channel_actor)
