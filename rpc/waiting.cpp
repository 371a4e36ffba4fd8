// SPDX-License-Identifier: BSD-2-Clause
// How coroutines and threads wait for what a waker announces.
#include <duplex/rpc/erased.hpp>

#include "runtime/worker.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/asio/this_coro.hpp>

#include <atomic>
#include <semaphore>

namespace duplex::rpc::detail {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

void check_may_block() {
  if (duplex::detail::worker::current() != nullptr)
    throw failure{code::failed_precondition,
                  "a blocking call on a worker thread would wait for itself: use co_await there"};
}

/// Where coroutines run that a thread of the application's waits for. One for each thread, for its life: who wakes it
/// may still be within `post` when the wait is over.
asio::io_context& here() {
  static thread_local asio::io_context context{1};
  return context;
}

/// *Any thread.* A handler of Asio's that is called once, by whoever comes first: a waker or a cancellation.
template <class Handler> class once {
 public:
  explicit once(Handler handler) : work_(asio::make_work_guard(handler)), handler_(std::move(handler)) {}

  void call(error_code why) {
    if (called_.exchange(true)) return;
    // The coroutine may go on within this, and let go of this then.
    const auto work = std::move(work_);
    auto executor = asio::get_associated_executor(handler_);
    auto run = [handler = std::move(handler_), why]() mutable { std::move(handler)(why); };
    if (starting.load())
      asio::post(executor, std::move(run));
    else
      asio::dispatch(executor, std::move(run));
  }
  std::atomic<bool> starting{true};  // it must not run within the initiating function

 private:
  asio::executor_work_guard<asio::associated_executor_t<Handler>> work_;
  Handler handler_;
  std::atomic<bool> called_{false};
};

}  // namespace

task<void> until(attempt_fn attempt) {
  std::exception_ptr thrown;  // an initiating function must not throw: nobody would catch it
  for (bool done = false; !done;) {
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(error_code)>(
        [&](auto handler) {
          auto slot = asio::get_associated_cancellation_slot(handler);
          auto waiting = std::make_shared<once<decltype(handler)>>(std::move(handler));
          if (slot.is_connected())
            slot.assign([waiting](asio::cancellation_type) {
              const auto kept = waiting;  // what it resumes may clear the slot, and so destroy this function
              kept->call(asio::error::operation_aborted);
            });
          error_code none;
          try {
            done = attempt([waiting] { waiting->call({}); });
          } catch (...) {
            thrown = std::current_exception();
            done = true;
          }
          if (done) waiting->call(none);
          waiting->starting = false;
        },
        asio::use_awaitable);
  }
  if (thrown) std::rethrow_exception(thrown);
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
    auto done = until([&](waker wake) {
      now = from->poll(into, std::move(wake), executor);
      return now != source::state::pending;
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
