// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/async.hpp>
#include <duplex/rpc/archive.hpp>
#include <duplex/rpc/context.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

// What the typed face is made of; for the library. Types end here: the pumps behind this are compiled once.

namespace duplex::rpc {

/// What handlers and callers are coroutines of.
template <class T> using task = boost::asio::awaitable<T>;

namespace detail {

using executor = boost::asio::any_io_executor;

/// *Interface.* Who waits for what another thread may do. Thread: any.
class sleeper {
 public:
  virtual ~sleeper() = default;
  virtual void wake() = 0;
};

/// *Value.* Wakes whom it was made for, a function included; empty, nobody. Copies wake the same one. Thread: any.
class waker {
 public:
  waker() = default;
  waker(std::nullptr_t) {}
  waker(std::shared_ptr<sleeper> whom) : whom_(std::move(whom)) {}
  template <class Fn>
  requires std::is_invocable_v<Fn&> waker(Fn call) : whom_(std::make_shared<calling<Fn>>(std::move(call))) {}

  /// Precondition: not empty.
  void operator()() const { whom_->wake(); }
  explicit operator bool() const noexcept { return whom_ != nullptr; }

 private:
  template <class Fn> class calling final : public sleeper {
   public:
    explicit calling(Fn call) : call_(std::move(call)) {}
    void wake() override { call_(); }

   private:
    Fn call_;
  };
  std::shared_ptr<sleeper> whom_;
};

/// *Interface.* Where the objects of a stream come from. One reader at a time.
class source {
 public:
  enum class state : std::uint8_t { item, end, pending };
  virtual ~source() = default;
  /// Puts the next object into `into`, a std::optional of its type. When it has to wait for one it keeps `wake`, and
  /// calls it once, from any thread, after this has returned; poll again then. An empty `wake` is not kept. Throws
  /// what ended the stream early. `on` is where a coroutine behind it awaits things.
  virtual state poll(void* into, waker wake, const executor& on) = 0;
};
using source_ptr = std::shared_ptr<source>;

/// The objects of a stream, without their type.
struct item_ops {
  const value_ops* value;
  std::shared_ptr<void> (*make)();   ///< a std::optional
  void* (*emplace)(void* optional);  ///< a new object in it
  const void* (*get)(const void* optional);
};

/// What the pumps know of `fn<Sig>`.
struct signature {
  const value_ops* arguments;  ///< the tuple of those that are no stream
  const value_ops* result;     ///< null unless there is exactly one, void included
  const item_ops* in;          ///< null without a stream among the arguments
  const item_ops* out;         ///< null unless the result is a stream
  bool one_way, becomes_bytes;
};

/// *Any thread.* A call that somebody made: from its start to its outcome, the first of which counts.
class call_state;
using call_ptr = std::shared_ptr<call_state>;

/// Waits on a thread of the application's; throws `failure(failed_precondition)` on a worker.
void wait(const call_ptr& of);
/// The same for a coroutine; its cancellation drops the call.
task<void> settled(call_ptr of);
/// Calls `done` once there is an outcome, from any thread, maybe at once.
void when_settled(const call_ptr& of, waker done);
/// Nobody waits for the outcome any more: the handler is told, unless there is one.
void drop(const call_ptr& of);
/// The result into `into`, once settled; throws `failure` when there is none.
void take(call_state& of, void* into);
channel take_channel(call_state& of);
/// The objects of the result, at any time.
source_ptr results(const call_ptr& of);
metadata trailers_of(call_state& of);
rpc::status status_of(call_state& of);

/// *Any thread.* A call that somebody made here from elsewhere: its arguments, and where its outcome goes, the first of
/// which counts.
class served;
using served_ptr = std::shared_ptr<served>;

const context& context_of(const served& of);
void arguments(served& of, const value_ops& as, void* into);
/// The objects that the caller streams.
source_ptr incoming(const served_ptr& of, const item_ops& as);
/// The caller's channel, for what becomes bytes: the caller gets its end now.
channel bytes_of(const served_ptr& of);
void reply(served& of, const value_ops& as, const void* result);
void reply(const served_ptr& of, source_ptr objects, const item_ops& as);
/// Ends a call without a result: one-way, or bytes.
void finish(served& of);
void fail(served& of, const std::exception_ptr& why);
/// Runs a handler's coroutine, which ends the call itself unless it throws.
void run(const served_ptr& of, task<void> handler);
/// Joins the caller's channel with the one that another call becomes.
void relay_bytes(const served_ptr& of, const call_ptr& from);
/// Answers with what another call comes to; `room` holds such a result.
void relay(const served_ptr& of, const call_ptr& from, const value_ops& as, std::shared_ptr<void> room);

/// *Interface.* What can be called from elsewhere. Thread: any.
class servable {
 public:
  virtual ~servable() = default;
  /// Must not throw.
  virtual void serve(const served_ptr& call) = 0;
};
using servable_ptr = std::shared_ptr<servable>;

/// *Interface.* Where a function lives that is not here. Thread: any.
class route {
 public:
  virtual ~route() = default;
  /// Starts a call; what is wrong is its outcome. `arguments` is followed before this returns; `in` is null without a
  /// stream.
  virtual call_ptr start(const signature& of, const void* arguments, source_ptr in, const call_options& how) = 0;
};
using route_ptr = std::shared_ptr<route>;

/// When a call that is made now ends at the latest.
context::clock::time_point due(const call_options& how);
/// Starts a coroutine that nobody waits for, on this thread's worker, else on Asio's system executor.
void start_here(task<void> what);
/// The same objects, with something that has to live as long.
source_ptr keeping(std::shared_ptr<void> what, source_ptr objects);

/// Something that is done at once, true, or keeps the waker, which then calls once for another attempt; an empty one is
/// not kept. It owns what it works on: once it has kept a waker, who waits may be gone before it returns.
using attempt_fn = std::function<bool(waker)>;
/// Until an attempt says that it is done.
task<void> until(attempt_fn attempt);
/// The same, blocking; throws `failed_precondition` on a worker.
void wait_until(const attempt_fn& attempt);

/// Runs a coroutine to its end on this thread; throws what it throws. `failed_precondition` on a worker.
void run_here(task<void> what);
/// Polls until there is an object or the end; throws `failed_precondition` on a worker.
bool wait_for_item(source& from, void* into);
/// The same for a coroutine.
task<bool> next_item(source_ptr from, void* into);

/// A task with its result stored, so that what runs it need not know the type.
template <class X> task<void> store(task<X> from, std::optional<X>* into) { into->emplace(co_await std::move(from)); }

}  // namespace detail
}  // namespace duplex::rpc
