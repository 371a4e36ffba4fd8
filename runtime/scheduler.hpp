// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "runtime/clock.hpp"
#include "runtime/stoppable.hpp"
#include "runtime/worker.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace duplex::detail {

/// What the scheduler is made from.
struct scheduler_setup {
  std::size_t workers = 1;
  std::chrono::microseconds busy_poll{0};       // a worker polls that long before it sleeps
  boost::asio::io_context* external = nullptr;  // the user's: one worker, no threads
};

/// A root actor: what shutdown tells, awaits and names.
struct root {
  caf::strong_actor_ptr actor;
  std::string name;
};

/// CAF's scheduler on the workers' threads. Thread: any, unless a function says otherwise.
class scheduler final : public caf::scheduler::abstract_coordinator {
 public:
  /// Makes the actor_system built from `config` use this scheduler.
  static void install(caf::actor_system_config& config, scheduler_setup setup);
  /// The scheduler of `system`, which must be a runtime's.
  static scheduler& of(caf::actor_system& system);
  /// The same, nullptr when the system has another scheduler (tests under CAF's test_coordinator).
  static scheduler* find(caf::actor_system& system) noexcept;

  scheduler(caf::actor_system& system, scheduler_setup setup);
  ~scheduler() override;

  std::size_t workers() const noexcept { return workers_.size(); }
  worker& at(std::size_t index) { return *workers_.at(index); }
  /// The next worker, round robin: where to place a session.
  worker& next() noexcept;
  /// A worker other than `self` that seems to have nothing to do, else nullptr.
  worker* idle_worker(const worker& self) noexcept;
  /// Whether the calling thread is running one of this scheduler's workers.
  bool on_worker() const noexcept;
  /// The user's io_context, nullptr when the workers have their own threads.
  boost::asio::io_context* external() const noexcept { return setup_.external; }

  // The root actors, kept weakly; see roots.hpp.
  void add_root(const caf::strong_actor_ptr& actor, std::string name);
  std::vector<root> roots();

  /// Tells `what` when the runtime stops, at once when it has; kept weakly.
  void at_stop(std::weak_ptr<stoppable> what);
  /// Once the peers have ended, before `stop`. Thread: the stopping one.
  void tell_stopping();

  // CAF's side.
  detail::clock& clock() noexcept override { return clock_; }
  void enqueue(caf::resumable* what) override;
  bool detaches_utility_actors() const override { return false; }
  void start() override;
  void stop() override;

 private:
  struct weak_root {
    caf::weak_actor_ptr actor;
    std::string name;
  };

  void run(worker& self);
  void tell_stopped();
  void purge();

  const scheduler_setup setup_;
  std::vector<std::unique_ptr<worker>> workers_;
  detail::clock clock_;  // its timer lives on the first worker
  std::vector<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> guards_;
  std::vector<std::thread> threads_;
  std::atomic<std::size_t> next_{0};
  std::mutex roots_mutex_;
  std::vector<weak_root> roots_;
  std::mutex stop_mutex_;
  std::vector<std::weak_ptr<stoppable>> at_stop_;
  std::size_t prune_at_ = 64;  // of those that went meanwhile
  bool stopped_ = false;
};

}  // namespace duplex::detail
