// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/channel.hpp>

#include "actors/relay.hpp"
#include "runtime/pinned.hpp"
#include "transport/readiness.hpp"

#include <caf/event_based_actor.hpp>

#include <deque>
#include <memory>

namespace duplex::detail {

/// *Actor, pinned* to its channel's worker. Splices a channel with a descriptor, both ways and without a copy: what the
/// channel gives is written from where it lies, and its credit returns then; what is read becomes the bytes that are
/// sent, and the next read waits for the answer to that write. Error frames are dropped. Ends with the channel, and
/// with the error that ended either of the two.
class descriptor_relay final : public pinned_actor<caf::event_based_actor> {
 public:
  descriptor_relay(caf::actor_config& config, worker* home, relay_end channel, const descriptor& with);

  caf::behavior make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "duplex.descriptor_relay"; }

 private:
  void start();
  void refuse_children();
  void arrived(bytes data);
  void write_some();
  void read_some();
  void pass_on(bytes data);
  void end_reading();
  void end_writing();
  void write_failed(int number);
  void fail(const error& why);
  void finish_channel();
  void give_up();
  void channel_ended(const caf::error& reason);
  void give_credit(std::size_t count);
  error io_error(const char* doing, const descriptor_end& end, int number) const;

  relay_end from_;
  std::shared_ptr<descriptor_ends> ends_;
  readiness ready_;
  std::deque<bytes> queue_;  // to be written
  block_ptr block_;          // what is read goes behind the first used_ bytes
  std::uint32_t used_ = 0;
  error outcome_;
  caf::response_promise joined_;  // of whoever waits for the end by message
  bool sending_ = false;          // what was read has not been answered yet
  bool read_ended_ = false, write_ended_ = false, last_came_ = false;
  bool finishing_ = false, channel_gone_ = false, hurry_ = false;
  bool refused_ = false;  // the channel is somebody else's
};

}  // namespace duplex::detail
