// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "runtime/stoppable.hpp"
#include "transport/inproc_wire.hpp"

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>

#include <memory>
#include <string>

namespace duplex::transport {

/// *Any thread.* A name under which one listener of the process can be reached, whatever runtime it belongs to. Free
/// again when this object goes, is released, or its runtime stops: no name leads into a runtime that is gone.
class inproc_name final : public detail::stoppable {
 public:
  /// Null when the name is taken.
  static std::shared_ptr<inproc_name> claim(std::string name, const caf::actor& listener);
  /// Sends `(accept_atom, caller)` to the listener of that name; false when there is none.
  static bool call(const std::string& name, inproc_end_ptr caller);

  inproc_name(const inproc_name&) = delete;
  inproc_name& operator=(const inproc_name&) = delete;
  ~inproc_name() { release(); }

  void release() noexcept;
  void stopped() noexcept override { release(); }

 private:
  inproc_name(std::string name, const caf::actor& listener);
  static inproc_name* find(const std::string& name) noexcept;

  const std::string name_;
  caf::weak_actor_ptr listener_;
  inproc_name* next_ = nullptr;
  bool listed_ = false;
};

}  // namespace duplex::transport

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::transport::inproc_end_ptr)
