// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "runtime/unique_function.hpp"

#include <caf/actor_config.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/actor_system.hpp>
#include <caf/intrusive_ptr.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_actor.hpp>
#include <caf/message.hpp>
#include <caf/monitorable_actor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace duplex::detail {

/// An actor without a mailbox: a message to it runs at once in the sender's thread. The core of every handle used
/// outside actors, where it costs half of a `request().then` and a tenth of a scoped_actor. Derive from it to add
/// state; make it with `make_requester`. Callbacks run in whatever thread answers, never under a lock of the requester;
/// they may call it again but must not throw. Thread: any.
class requester : public caf::monitorable_actor {
 public:
  /// Called exactly once: with the answer, or with an error: what the receiver answered, sec::request_timeout,
  /// sec::request_receiver_down, or errc::closed when the requester goes first.
  using reply = unique_function<void(caf::error, caf::message)>;
  /// Called with the exit reason.
  using down = unique_function<void(const caf::error&)>;

  /// No time-out.
  static constexpr std::chrono::milliseconds no_timeout = std::chrono::milliseconds::max();

  explicit requester(caf::actor_config& config);
  ~requester() override;

  /// Sends `xs` (or one caf::message) to `to` as a request, in one allocation. The answer may come before this returns.
  template <class... Ts>
  void request(const caf::strong_actor_ptr& to, std::chrono::milliseconds timeout, reply on_reply, Ts&&... xs) {
    const auto id = add(to, timeout, std::move(on_reply));
    deliver(to, caf::make_mailbox_element(caf::strong_actor_ptr{ctrl()}, id, {}, std::forward<Ts>(xs)...));
  }

  /// Sends `xs` (or one caf::message) to `to` without asking for an answer; this requester is the sender.
  template <class... Ts> void send(const caf::strong_actor_ptr& to, Ts&&... xs) {
    deliver(to, caf::make_mailbox_element(caf::strong_actor_ptr{ctrl()}, caf::make_message_id(), {},
                                          std::forward<Ts>(xs)...));
  }

  /// Calls `on_down` once when `whom` has ended, at once when it already has; then the requests that `whom` has taken
  /// but never answered end with sec::request_receiver_down (without a watch only their time-out ends them). Dropped
  /// uncalled when the requester dies first.
  void watch(const caf::strong_actor_ptr& whom, down on_down);

  // CAF's side.
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* unit) override;
  using caf::abstract_actor::enqueue;
  void on_destroy() override;
  const char* name() const override { return "duplex.requester"; }

 protected:
  /// Any message that answers no request. The default answers a request with sec::unexpected_message and drops the
  /// rest. Thread: the sender's.
  virtual void on_message(caf::mailbox_element& what);

  /// How many requests are not yet answered.
  std::size_t pending();

 private:
  struct entry {
    reply on_reply;
    const void* receiver;  // compared only
    bool timed;
  };
  class watcher;

  caf::message_id add(const caf::strong_actor_ptr& to, std::chrono::milliseconds timeout, reply on_reply);
  void deliver(const caf::strong_actor_ptr& to, caf::mailbox_element_ptr what);
  void complete(caf::mailbox_element& answer);
  void abandon(const void* receiver);

  std::mutex mutex_;  // guards what follows
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::uint64_t, entry> pending_;
  std::vector<std::pair<caf::weak_actor_ptr, std::uint64_t>> watched_;
};

// What caf::intrusive_ptr calls; classes derived from requester included.
inline void intrusive_ptr_add_ref(requester* x) { caf::intrusive_ptr_add_ref(x->ctrl()); }
inline void intrusive_ptr_release(requester* x) { caf::intrusive_ptr_release(x->ctrl()); }

/// Makes a requester, or a class derived from it whose constructor takes the actor_config and then `xs`. It lives as
/// long as a reference to it, an unanswered request with a time-out, or a message it sent.
template <class T = requester, class... Ts>
caf::intrusive_ptr<T> make_requester(caf::actor_system& system, Ts&&... xs) {
  caf::actor_config config{system.dummy_execution_unit()};
  auto made = caf::make_actor<T, caf::strong_actor_ptr>(system.next_actor_id(), system.node(), &system, config,
                                                        std::forward<Ts>(xs)...);
  return caf::intrusive_ptr<T>{static_cast<T*>(made->get())};
}

}  // namespace duplex::detail
