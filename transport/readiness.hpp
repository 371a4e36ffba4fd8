// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/error.hpp>

#include "runtime/worker.hpp"
#include "transport/descriptor.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <caf/actor_control_block.hpp>

namespace duplex::detail {

/// *Worker-bound.* Tells an actor of this worker when descriptors can be read or written, by `(ready_atom, read,
/// written)`. They are in an epoll instance of their own, and that one in Asio's: Asio would set O_NONBLOCK on
/// descriptors whose open files other programs share.
class readiness {
 public:
  explicit readiness(worker& on);
  readiness(const readiness&) = delete;
  readiness& operator=(const readiness&) = delete;
  ~readiness() { close(); }

  /// From now on `whom` hears each time that something has come; it reads until nothing is left.
  error start(const caf::strong_actor_ptr& whom, const descriptor_ends& of);
  /// Whether to tell also that there is room to write.
  void want_room(bool yes);
  /// `whom` is let go.
  void close();

 private:
  void wait(const caf::strong_actor_ptr& whom);

  worker& on_;
  boost::asio::posix::stream_descriptor set_;
  const descriptor_ends* of_ = nullptr;
  bool wants_room_ = false;
};

}  // namespace duplex::detail
