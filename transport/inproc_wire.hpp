// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/bytes.hpp>
#include <duplex/error.hpp>

#include "runtime/stoppable.hpp"
#include "transport/hello.hpp"
#include "transport/open_record.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace duplex::transport {

/// *Value.* What the two ends of an inproc session tell each other: the acts of docs/protocol.md without SSH.
namespace wire {

struct identity {  ///< first of all from the acceptor, then from the dialler
  std::string fingerprint;
};
struct hello {
  transport::hello said;
};
struct refused {  ///< instead of the acceptor's hello
  error why;
};
struct goodbye {
  error why;
};
struct ping {
  std::uint64_t number;
};
struct pong {
  std::uint64_t number;
};
struct open {
  channel_id id;
  std::optional<channel_id> parent;
  std::string service;
  std::vector<std::string> headers;
  std::uint64_t window;  ///< what its opener may be sent before it grants more, in bytes
};
struct accept {
  channel_id id;
  std::uint64_t window;  ///< likewise, of the receiver
};
struct data {
  channel_id id;
  bytes content;
  bool is_error;
};
struct credit {
  channel_id id;
  std::uint64_t count;
};
struct eof {
  channel_id id;
};
struct trailers {
  channel_id id;
  std::vector<std::string> list;
};
struct close {
  channel_id id;
};
struct gone {};  ///< nothing follows

// What is large and rare is kept apart: events are moved a lot.
using event = std::variant<data, credit, accept, eof, trailers, close, std::unique_ptr<open>, std::unique_ptr<hello>,
                           identity, refused, goodbye, ping, pong, gone>;

}  // namespace wire

/// *Any thread.* One end of a wire within the process: two queues, one for each direction. Nothing of one end's actors
/// is ever held by the other one. The mutexes stand for the socket: the ends may belong to two runtimes, and either may
/// go first.
class inproc_end final : public detail::stoppable {
 public:
  /// Two ends of a new wire. `maker` is a mark for whoever gets the second one; nobody follows that pointer.
  static std::pair<std::shared_ptr<inproc_end>, std::shared_ptr<inproc_end>> make_pair(const void* maker);

  inproc_end(const inproc_end&) = delete;
  inproc_end& operator=(const inproc_end&) = delete;
  ~inproc_end() { leave(); }

  [[nodiscard]] const void* maker() const noexcept { return maker_; }
  /// `wake` is called whenever something arrives here while nothing waits; by the other end's thread, under a lock: it
  /// may not come back here. Called at once if something waits already.
  void attach(std::function<void()> wake);
  /// Gives all events to the other end, in their order; none is left. What an end that is gone is told is dropped.
  void send(std::vector<wire::event>& events);
  /// Appends what waits here.
  void take(std::vector<wire::event>& into);
  /// Tells the other end `gone`; nothing arrives here any more, and `wake` is not called after this returns.
  void leave() noexcept;
  void stopped() noexcept override { leave(); }

 private:
  struct lane;
  inproc_end(std::shared_ptr<lane> in, std::shared_ptr<lane> out, const void* maker) noexcept
      : in_(std::move(in)), out_(std::move(out)), maker_(maker) {}

  const std::shared_ptr<lane> in_, out_;
  const void* const maker_;
};
using inproc_end_ptr = std::shared_ptr<inproc_end>;

}  // namespace duplex::transport
