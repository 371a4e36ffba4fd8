// SPDX-License-Identifier: BSD-2-Clause
// How coroutines and threads wait for what a waker announces.
#include <duplex/rpc/erased.hpp>

#include "rpc/call_state.hpp"
#include "runtime/worker.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/asio/this_coro.hpp>

#include <atomic>
#include <mutex>
#include <semaphore>
#include <vector>

namespace duplex::rpc::detail {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

void check_may_block() {
  if (duplex::detail::worker::current() != nullptr)
    throw failure{code::failed_precondition,
                  "a blocking call on a worker thread would wait for itself: use co_await there"};
}

/// *Any thread.* Lends each thread of the application's that waits a place where its coroutines run, for the thread's
/// life. Who wakes a thread may still be within `post` when the wait is over and the thread ends, so no place is ever
/// destroyed: the next thread gets it.
class waiting_places {
 public:
  static asio::io_context& mine() {
    static thread_local const lease own;
    return *own.place;
  }

 private:
  struct lease {
    asio::io_context* const place = all().take();
    lease() = default;
    ~lease() { all().give_back(place); }
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;
  };

  static waiting_places& all() {
    static auto& places = *new waiting_places;
    return places;
  }
  asio::io_context* take() {
    std::lock_guard lock{mutex_};
    if (free_.empty()) return new asio::io_context{1};
    auto* const last = free_.back();
    free_.pop_back();
    return last;
  }
  void give_back(asio::io_context* place) {
    std::lock_guard lock{mutex_};
    free_.push_back(place);
  }

  std::mutex mutex_;
  std::vector<asio::io_context*> free_;
};

asio::io_context& here() { return waiting_places::mine(); }

/// *Any thread.* A coroutine that is resumed once, by whoever comes first: a waker or a cancellation. What it was
/// spawned on counts it as work until it ends.
template <class Handler> class once final : public sleeper {
 public:
  explicit once(Handler handler) : handler_(std::move(handler)) {}

  void wake() override { resume({}); }
  void resume(error_code why) {
    if (claim()) go(why);
  }
  /// True for the first only, who may then `go`.
  bool claim() { return !claimed_.exchange(true); }
  void go(error_code why) {
    auto executor = asio::get_associated_executor(handler_);
    auto run = [handler = std::move(handler_), why]() mutable { std::move(handler)(why); };
    if (starting.load())
      asio::post(executor, std::move(run));
    else
      asio::dispatch(executor, std::move(run));
  }
  std::atomic<bool> starting{true};  // it must not run within the initiating function

 private:
  Handler handler_;
  std::atomic<bool> claimed_{false};
};

/// One suspension: until the waker that `attempt` keeps is called, or none if it is `done` at once. To be awaited; a
/// coroutine of its own would be one more frame.
template <class Attempt> auto suspension(Attempt attempt, bool& done, std::exception_ptr& thrown) {
  return asio::async_initiate<const asio::deferred_t&, void(error_code)>(
      [attempt = std::move(attempt), &done, &thrown](auto handler) {
        const auto own = attempt;  // the coroutine may go on, and end, before this does
        auto slot = asio::get_associated_cancellation_slot(handler);
        auto waiting = std::make_shared<once<decltype(handler)>>(std::move(handler));
        if (slot.is_connected())
          slot.assign([waiting](asio::cancellation_type) {
            const auto kept = waiting;  // what it resumes may clear the slot, and so destroy this function
            kept->resume(asio::error::operation_aborted);
          });
        bool at_once = true;
        std::exception_ptr wrong;
        try {
          at_once = own(waker{waiting});
        } catch (...) {  // an initiating function must not throw: nobody would catch it
          wrong = std::current_exception();
        }
        // What is the coroutine's is touched by who claims it only.
        if (at_once && waiting->claim()) {
          done = true;
          thrown = std::move(wrong);
          waiting->go({});
        }
        waiting->starting = false;
      },
      asio::deferred);
}

}  // namespace

task<void> until(attempt_fn attempt) {
  bool done = false;
  std::exception_ptr thrown;
  while (!done) {
    auto asleep = suspension(attempt, done, thrown);
    co_await std::move(asleep);
    if (thrown) std::rethrow_exception(thrown);
    done = done || attempt({});
  }
}

task<void> settled(call_ptr of) {
  if (of->settled()) co_return;
  const auto keeps = [of](waker wake) { return of->wait(std::move(wake)); };
  bool done = false;
  std::exception_ptr cancelled;
  try {
    auto asleep = suspension(keeps, done, cancelled);
    co_await std::move(asleep);
  } catch (...) {
    cancelled = std::current_exception();
  }
  if (!cancelled) co_return;
  of->drop();
  std::rethrow_exception(cancelled);
}

void wait_until(const attempt_fn& attempt) {
  if (attempt({})) return;
  check_may_block();
  for (;;) {
    // Shared: a waker may be called late, by who took it before the attempt succeeded.
    auto woken = std::make_shared<std::binary_semaphore>(0);
    if (attempt([woken] { woken->release(); })) return;
    woken->acquire();
  }
}

void run_here(task<void> what) {
  check_may_block();
  std::exception_ptr thrown;
  bool done = false;
  asio::co_spawn(here(), std::move(what), [&](std::exception_ptr why) {
    thrown = std::move(why);
    done = true;
  });
  const auto work = asio::make_work_guard(here());
  here().restart();
  while (!done) here().run_one();
  if (thrown) std::rethrow_exception(thrown);
}

bool wait_for_item(source& from, void* into) {
  const auto first = from.poll(into, {}, {});
  if (first != source::state::pending) return first == source::state::item;
  check_may_block();
  // What a coroutine behind the stream awaits runs here, too.
  const auto executor = here().get_executor();
  const auto work = asio::make_work_guard(executor);
  here().restart();
  for (;;) {
    auto woken = std::make_shared<std::atomic<bool>>(false);
    const auto now = from.poll(
        into,
        [woken, executor] {
          *woken = true;
          asio::post(executor, [] {});
        },
        executor);
    if (now != source::state::pending) return now == source::state::item;
    while (!*woken) here().run_one();
  }
}

task<bool> next_item(source_ptr from, void* into) {
  const auto executor = co_await asio::this_coro::executor;
  auto now = from->poll(into, {}, executor);
  if (now == source::state::pending) {
    auto done = until([from, into, executor, &now](waker wake) {
      const auto got = from->poll(into, std::move(wake), executor);
      if (got != source::state::pending) now = got;
      return got != source::state::pending;
    });
    co_await std::move(done);
  }
  co_return now == source::state::item;
}

void start_here(task<void> what) {
  auto* const here = duplex::detail::worker::current();
  const executor on = here != nullptr ? executor{here->context().get_executor()} : executor{asio::system_executor{}};
  asio::co_spawn(on, std::move(what), asio::detached);
}

}  // namespace duplex::rpc::detail
