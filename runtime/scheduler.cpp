// SPDX-License-Identifier: BSD-2-Clause
#include "runtime/scheduler.hpp"

#include "runtime/roots.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/make_actor.hpp>
#include <caf/message_handler.hpp>
#include <caf/monitorable_actor.hpp>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <iostream>

namespace duplex::detail {
namespace {

// What actors print with aout, exceptions in handlers among it. CAF's own printer would be one more thread; stdout
// belongs to the program, where the duplex command writes a channel's bytes.
class stderr_printer final : public caf::monitorable_actor {
 public:
  explicit stderr_printer(caf::actor_config& config) : caf::monitorable_actor(config) {
    lines_.assign([](caf::add_atom, caf::actor_id, const std::string& text) { std::cerr << text; });
  }
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) override {
    std::lock_guard lock{mutex_};
    lines_(what->content());
  }

 private:
  std::mutex mutex_;
  caf::message_handler lines_;
};

std::vector<std::unique_ptr<worker>> make_workers(scheduler& owner, const scheduler_setup& setup) {
  std::vector<std::unique_ptr<worker>> made;
  const auto count = setup.external != nullptr ? 1 : std::max<std::size_t>(setup.workers, 1);
  for (std::size_t i = 0; i < count; ++i) made.push_back(std::make_unique<worker>(owner, i, setup.external));
  return made;
}

}  // namespace

void scheduler::install(caf::actor_system_config& config, scheduler_setup setup) {
  config.module_factories.push_back([setup](caf::actor_system& system) -> caf::actor_system::module* {
    return std::make_unique<scheduler>(system, setup).release();  // the actor_system owns its modules
  });
}

scheduler* scheduler::find(caf::actor_system& system) noexcept { return dynamic_cast<scheduler*>(&system.scheduler()); }

scheduler& scheduler::of(caf::actor_system& system) {
  auto* found = find(system);
  assert(found != nullptr);
  return *found;
}

scheduler::scheduler(caf::actor_system& system, scheduler_setup setup)
    : abstract_coordinator(system), setup_(setup), workers_(make_workers(*this, setup)), clock_(*workers_.front()) {}

scheduler::~scheduler() = default;

worker& scheduler::next() noexcept {
  return *workers_[next_.fetch_add(1, std::memory_order_relaxed) % workers_.size()];
}

worker* scheduler::idle_worker(const worker& self) noexcept {
  for (auto& each : workers_)
    if (each.get() != &self && each->idle_.load(std::memory_order_relaxed)) return each.get();
  return nullptr;
}

bool scheduler::on_worker() const noexcept {
  const auto* here = worker::current();
  return here != nullptr && &here->owner() == this;
}

void scheduler::add_root(const caf::strong_actor_ptr& actor, std::string name) {
  std::lock_guard lock{roots_mutex_};
  std::erase_if(roots_, [](const weak_root& each) { return each.actor.lock() == nullptr; });
  roots_.push_back({caf::weak_actor_ptr{actor.get()}, std::move(name)});
}

std::vector<root> scheduler::roots() {
  std::vector<root> live;
  std::lock_guard lock{roots_mutex_};
  for (auto& each : roots_)
    if (auto actor = each.actor.lock()) live.push_back({std::move(actor), each.name});
  return live;
}

void scheduler::at_stop(std::weak_ptr<stoppable> what) {
  {
    std::lock_guard lock{stop_mutex_};
    if (at_stop_.size() >= prune_at_) {
      std::erase_if(at_stop_, [](const auto& each) { return each.expired(); });
      prune_at_ = 2 * at_stop_.size() + 64;
    }
    if (!stopped_) return at_stop_.push_back(std::move(what));
  }
  if (const auto alive = what.lock()) alive->stopped();
}

void scheduler::tell_stopping() {
  std::unique_lock lock{stop_mutex_};
  const auto all = at_stop_;
  lock.unlock();
  for (const auto& each : all)
    if (const auto alive = each.lock()) alive->stopping();
}

void scheduler::tell_stopped() {
  std::vector<std::weak_ptr<stoppable>> all;
  {
    std::lock_guard lock{stop_mutex_};
    stopped_ = true;
    all.swap(at_stop_);
  }
  for (const auto& each : all)
    if (const auto alive = each.lock()) alive->stopped();
}

void add_root(caf::actor_system& system, const caf::strong_actor_ptr& actor, std::string name) {
  if (auto* home = scheduler::find(system)) home->add_root(actor, std::move(name));
}

void scheduler::enqueue(caf::resumable* what) {
  if (on_worker())
    worker::current()->submit(what);
  else
    next().submit(what);
}

void scheduler::start() {
  num_workers_ = workers_.size();
  max_throughput_ = 64;  // for those who ask; worker.cpp has the reason
  caf::actor_config config{system().dummy_execution_unit()};
  utility_actors_[printer_id] =
      caf::make_actor<stderr_printer, caf::actor>(system().next_actor_id(), system().node(), &system(), config);
  if (setup_.external != nullptr) return;
  for (auto& each : workers_) {
    guards_.push_back(boost::asio::make_work_guard(each->context()));
    threads_.emplace_back([this, self = each.get()] { run(*self); });
  }
}

void scheduler::run(worker& self) {
  using clock_type = std::chrono::steady_clock;
  worker::current_ = &self;
  system().thread_started();
  auto& context = self.context();
  if (setup_.busy_poll.count() == 0) {
    context.run();
  } else {
    while (!context.stopped()) {
      for (auto last = clock_type::now(); clock_type::now() - last < setup_.busy_poll && !context.stopped();)
        if (context.poll() > 0) last = clock_type::now();
      context.run_one();
    }
  }
  system().thread_terminates();
  worker::current_ = nullptr;
}

void scheduler::stop() {
  clock_.shutdown();
  guards_.clear();
  if (setup_.external == nullptr)
    for (auto& each : workers_) each->context().stop();
  for (auto& each : threads_) each.join();
  threads_.clear();
  tell_stopped();  // before the workers go that others would wake
  // What is still queued is released here, while the actor system is whole: in its destructor it would be too late.
  for (auto& each : workers_) each->halt();
  do purge();
  while (!std::all_of(workers_.begin(), workers_.end(), [](auto& each) { return each->close(); }));
  utility_actors_[printer_id] = nullptr;  // last: what was purged may have printed
}

void scheduler::purge() {
  if (auto* context = setup_.external)  // handlers there refer to this worker: they run before it goes
    while (clock_.has_handlers_pending() || workers_.front()->has_handlers_pending()) {
      if (context->stopped()) context->restart();
      context->run_one_for(std::chrono::milliseconds{10});
    }
  // Bounded, since a handler of the application may post itself for ever; actors cannot, they are dead once released.
  for (int round = 0; round < 100; ++round) {
    bool any = false;
    for (auto& each : workers_) any = each->purge() || any;
    if (!any) return;
  }
}

}  // namespace duplex::detail
