// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "actors/channel_port.hpp"
#include "runtime/stoppable.hpp"

namespace duplex::detail {

/// What the copies of a handle share; the last one closes the channel.
struct channel_state final : stoppable {
  explicit channel_state(caf::intrusive_ptr<channel_port> p) : port(std::move(p)) {}
  channel_state(const channel_state&) = delete;
  channel_state& operator=(const channel_state&) = delete;
  ~channel_state() { port->abandon(); }
  void stopping() noexcept override { (void)port->close(); }
  void stopped() noexcept override { port->runtime_stopped(); }

  caf::intrusive_ptr<channel_port> port;
};

}  // namespace duplex::detail
