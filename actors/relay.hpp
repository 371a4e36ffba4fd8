// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/channel.hpp>

#include <caf/event_based_actor.hpp>

#include <array>

namespace duplex::detail {

/// *Value.* One end of a relay: the channel, and what was taken from it already and belongs to the other end.
struct relay_end {
  channel_actor channel;
  bytes unread = {};
  frames unread_errors = {};
  std::uint32_t credit = 0;  // that its remote side gets back once `unread` is written
};

/// What a join comes to when its relay ended so: an orderly end of the channel is none, being killed is. Thread: any.
result<void> join_outcome(const caf::error& reason);

/// *Actor.* Splices two channels: bytes, error frames, half-close, trailers and children go from each to the other, as
/// they arrived and without a copy. Credit returns when the other side has taken the bytes, so a slow reader slows the
/// writer. Ends when both channels have, with the reason of the first; an end by an error is told on in trailers.
class relay final : public caf::event_based_actor {
 public:
  relay(caf::actor_config& config, relay_end one, relay_end other);

  caf::behavior make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "duplex.relay"; }

 private:
  // The channel that sent the current message, and the one across.
  const channel_actor& here();
  const channel_actor& across();
  template <class... Ts>
  void pass_on(const channel_actor& from, const channel_actor& to, std::uint32_t credit, Ts&&... xs);
  void pass_children(const channel_actor& from, const channel_actor& to);
  void gone(const caf::down_msg& down);

  std::array<relay_end, 2> ends_;
  caf::error first_reason_;
  caf::response_promise joined_;  // of whoever waits for the end by message
  int left_ = 2;
};

}  // namespace duplex::detail
