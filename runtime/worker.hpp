// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "runtime/unique_function.hpp"

#include <boost/asio/io_context.hpp>
#include <caf/execution_unit.hpp>
#include <caf/resumable.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

namespace duplex::detail {

class scheduler;
class run_scope;

/// One thread's share of the runtime: an io_context, a run queue of actors that only this thread touches, and an inbox
/// for all other threads. Each public function says which thread may call it.
class worker final : public caf::execution_unit {
 public:
  /// Work that runs once per turn after actors have run. Owned by the caller, who calls `forget` before it dies.
  struct task {
    virtual void run() = 0;
    /// Called instead of `run` when the runtime has stopped first.
    virtual void dropped() noexcept {}

   protected:
    ~task() = default;

   private:
    friend class worker;
    bool when_idle_ = false;
    bool at_turn_end_ = false;
  };

  /// The worker that runs on this thread (its own thread, or an open run_scope on the user's io_context), else nullptr.
  /// Thread: any.
  static worker* current() noexcept { return current_; }

  /// A worker of `owner`. It makes its own io_context unless `external` is given, which must outlive it.
  worker(scheduler& owner, std::size_t index, boost::asio::io_context* external);
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;
  ~worker() override;

  /// Thread: any.
  boost::asio::io_context& context() noexcept { return context_; }
  /// Whether the io_context is the worker's own, run by its own thread, or the application's. Thread: any.
  bool owns_context() const noexcept { return own_context_ != nullptr; }
  /// Thread: any.
  std::size_t index() const noexcept { return index_; }
  /// Thread: any.
  scheduler& owner() const noexcept { return owner_; }

  /// Runs `what` once when the run queue is empty, before any turn-end task; the handles' outboxes. Scheduling it again
  /// before it ran changes nothing. Under lasting load, when the queue never empties, it runs once per budget (64).
  /// Thread: this worker.
  void when_idle(task& what);
  /// Runs `what` once when the run queue and the when_idle tasks are empty; the sessions' one flush. Otherwise as
  /// `when_idle`. Thread: this worker.
  void at_turn_end(task& what);
  /// Drops a scheduled task. Thread: this worker, or any after the runtime has stopped.
  void forget(task& what) noexcept;

  /// Runs `what` on this worker; takes over one reference. From this worker's thread it goes to the run queue, from all
  /// others to the inbox, which wakes the worker once per change from empty. Thread: any.
  void submit(caf::resumable* what);
  /// Runs `what` in a run scope of this worker, in order with what the same thread submits. Dropped, not run, when the
  /// runtime has stopped. Thread: any.
  void post(unique_function<void()> what);
  /// CAF's entry: as `submit`.
  void exec_later(caf::resumable* what) override { submit(what); }

  /// How often the inbox has woken the worker. Thread: any.
  std::uint64_t wakes() const noexcept { return wakes_.load(std::memory_order_relaxed); }

 private:
  friend class run_scope;
  friend class scheduler;

  void drain();
  void run_front();
  std::size_t run_batch(std::vector<task*>& tasks, bool task::*scheduled);
  void schedule_drain();
  void take_inbox();
  void shed_load();
  void submit_all(const std::vector<caf::resumable*>& batch);
  void wake();  // mutex_ held
  bool has_work() const noexcept { return !queue_.empty() || !idle_tasks_.empty() || !end_tasks_.empty(); }

  // What scheduler::stop() calls, in this order. Thread: the stopping one.
  void halt();                  // from now on actors are released, not resumed
  bool purge();                 // returns whether there was anything
  bool close();                 // false: something came in, purge again
  bool has_handlers_pending();  // a posted handler still refers to this worker

  static constinit thread_local worker* current_;

  scheduler& owner_;
  const std::size_t index_;
  std::unique_ptr<boost::asio::io_context> own_context_;
  boost::asio::io_context& context_;

  // Only this worker's thread.
  std::deque<caf::resumable*> queue_;
  std::vector<task*> idle_tasks_;
  std::vector<task*> end_tasks_;
  std::vector<task*> batch_;  // the tasks being run
  std::vector<caf::resumable*> arrived_;
  bool draining_ = false;
  bool drain_posted_ = false;

  std::atomic<bool> idle_{true};  // a hint for shed_load of the others
  std::atomic<bool> halted_{false};
  std::atomic<std::uint64_t> wakes_{0};

  std::mutex mutex_;  // guards what follows
  std::vector<caf::resumable*> inbox_;
  bool wake_posted_ = false;
  bool closed_ = false;
};

/// Opens a turn: the first line of every Asio handler of the library. What the handler makes runnable is queued without
/// a lock and runs when the outermost scope of the worker closes. May be nested. Thread: one that runs the worker's
/// io_context.
class [[nodiscard]] run_scope {
 public:
  explicit run_scope(worker& where) noexcept;
  run_scope(const run_scope&) = delete;
  run_scope& operator=(const run_scope&) = delete;
  ~run_scope();

 private:
  worker& worker_;
  worker* previous_;
  bool outermost_;
};

}  // namespace duplex::detail
