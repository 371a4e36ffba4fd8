// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/descriptor.hpp>
#include <duplex/endpoint.hpp>
#include <duplex/messages.hpp>
#include <duplex/result.hpp>

#include <caf/actor.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

// What the handles' faces are made of; for the library.

namespace duplex {

class channel;

namespace detail {

class channel_port;
struct channel_state;
struct peer_state;
struct default_token;  // Asio's use_awaitable, see <duplex/async.hpp>

/// *Interface.* Where an operation's outcome goes, exactly once. One that was cancelled has had its own, and ignores
/// it.
template <class T> class completion {
 public:
  virtual void complete(result<T> outcome) = 0;
  /// Before something is taken for it that nobody else can have then. False: it was cancelled. True: it cannot be any
  /// more, and `complete` must follow.
  virtual bool claim() noexcept { return true; }
  /// False once it was cancelled.
  [[nodiscard]] virtual bool waits() const noexcept { return true; }
  virtual ~completion() = default;
};
template <class T> using completion_ptr = std::unique_ptr<completion<T>>;

// The operations of a channel. Each is written once, as `attempt` (done at once, or nothing) and `start`; its blocking
// and asynchronous faces come from `wait` and `async`.
struct read_op {
  using value = bytes;
  std::size_t limit;
};
struct read_frame_op {
  using value = bytes;
};
struct read_frames_op {
  using value = frames;
};
struct read_error_op {
  using value = bytes;
};
struct write_op {
  using value = void;
  std::string_view data;
};
struct write_frame_op {
  using value = void;
  std::string_view payload;
};
struct write_frames_op {
  using value = void;
  const frames* batch;
};
struct write_error_op {
  using value = void;
  std::string_view payload;
};
struct flush_op {
  using value = void;
};
struct close_write_op {
  using value = void;
};
struct write_trailers_op {
  using value = void;
  const std::vector<std::string>* list;
};
struct trailers_op {
  using value = std::vector<std::string>;
};
struct close_op {
  using value = void;
};
struct join_op {
  using value = void;
  const std::shared_ptr<channel_state>* other;
};
struct join_descriptor_op {
  using value = void;
  result<descriptor> with;
};
template <class T>
concept releasable = !std::is_lvalue_reference_v<T> && requires(T from) {
  from.native_handle();
  from.release();
};
struct send_op {
  using value = void;
  const std::shared_ptr<channel_state>* what;
};
struct open_child_op {
  using value = channel;
  std::string_view service;
  const std::vector<std::string>* headers;
};
struct accept_child_op {
  using value = channel;
};
struct meta_op {
  using value = duplex::meta;
};

// The operations of a peer: `start` only.
struct bind_op {
  using value = endpoint;
  std::string_view where;
};
struct unbind_op {
  using value = void;
  std::string_view where;
};
struct connect_op {
  using value = peer_info;
  std::string_view where;
};
struct disconnect_op {
  using value = void;
  std::string_view where;
};
struct peers_op {
  using value = std::vector<peer_info>;
};
struct sessions_op {
  using value = std::vector<session_report>;
};
struct self_op {
  using value = peer_report;
};
struct drop_op {
  using value = void;
  std::string_view name, reason;
};
struct next_peer_op {
  using value = std::string;
};
struct serve_op {
  using value = void;
  std::string_view service;
  const std::function<void(channel)>* handler;  // null: for accept
  const caf::actor* acceptor;
};
struct accept_op {
  using value = channel;
  std::string_view service;
};
struct open_op {
  using value = channel;
  std::string_view to, service;
  const std::vector<std::string>* headers;
};
struct ping_op {
  using value = ping_report;
  std::string_view name;
};
struct set_option_op {
  using value = void;
  std::string_view name, setting;
};
struct get_option_op {
  using value = std::string;
  std::string_view name;
};
struct shutdown_op {
  using value = void;
};

/// What returns an awaitable when it is called with a channel.
template <class Handler>
concept coroutine_handler = requires(Handler h, channel c) {
  typename decltype(h(c))::executor_type;
};

template <class Op> std::optional<result<typename Op::value>> attempt(channel_state& on, const Op& op);
template <class Op>
void start(const std::shared_ptr<channel_state>& on, const Op& op, completion_ptr<typename Op::value> done);
template <class Op>
void start(const std::shared_ptr<peer_state>& on, const Op& op, completion_ptr<typename Op::value> done);
/// The blocking face: waits for the outcome, `would_deadlock` on a worker thread.
template <class Op, class Target> result<typename Op::value> wait(const std::shared_ptr<Target>& on, const Op& op);

}  // namespace detail

}  // namespace duplex
