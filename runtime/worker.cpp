// SPDX-License-Identifier: BSD-2-Clause
#include "runtime/worker.hpp"

#include "runtime/scheduler.hpp"

#include <boost/asio/defer.hpp>
#include <boost/asio/post.hpp>
#include <caf/ref_counted.hpp>

#include <algorithm>
#include <cassert>

namespace duplex::detail {
namespace {

// Resumptions (and tasks) per turn. Small enough that sockets are polled every few hundred microseconds under load,
// large enough that the poll (about 1 us) costs nothing beside them.
constexpr std::size_t turn_budget = 64;

// Messages per resumption. CAF's default is unlimited: an actor that sends to itself would never give the thread back.
constexpr std::size_t max_throughput = 64;

// A queue that a whole turn could not bring below this is work for two.
constexpr std::size_t overflow_mark = 64;

// Handlers that the stopping thread still runs per round; a handler that posts itself for ever must not hold it.
constexpr std::size_t purge_budget = 1'000;

// A posted function travels through the same queues as actors do, which keeps the order.
class job final : public caf::ref_counted, public caf::resumable {
 public:
  explicit job(unique_function<void()> what) : what_(std::move(what)) {}
  subtype_t subtype() const override { return function_object; }
  resume_result resume(caf::execution_unit*, std::size_t) override {
    what_();
    return done;
  }
  void intrusive_ptr_add_ref_impl() override { ref(); }
  void intrusive_ptr_release_impl() override { deref(); }

 private:
  unique_function<void()> what_;
};

bool is_movable(const caf::resumable* what) { return what->subtype() == caf::resumable::scheduled_actor; }

}  // namespace

constinit thread_local worker* worker::current_ = nullptr;

worker::worker(scheduler& owner, std::size_t index, boost::asio::io_context* external)
    : caf::execution_unit(&owner.system()),
      owner_(owner),
      index_(index),
      own_context_(external != nullptr ? nullptr : std::make_unique<boost::asio::io_context>(1)),
      context_(external != nullptr ? *external : *own_context_) {}

worker::~worker() = default;

void worker::when_idle(task& what) {
  assert(current_ == this);
  if (what.when_idle_) return;
  what.when_idle_ = true;
  idle_tasks_.push_back(&what);
  if (!draining_) schedule_drain();
}

void worker::at_turn_end(task& what) {
  assert(current_ == this);
  if (what.at_turn_end_) return;
  what.at_turn_end_ = true;
  end_tasks_.push_back(&what);
  if (!draining_) schedule_drain();
}

void worker::forget(task& what) noexcept {
  if (what.when_idle_) std::erase(idle_tasks_, &what);
  if (what.at_turn_end_) std::erase(end_tasks_, &what);
  what.when_idle_ = what.at_turn_end_ = false;
  std::replace(batch_.begin(), batch_.end(), &what, static_cast<task*>(nullptr));  // the batch is being walked
}

void worker::submit(caf::resumable* what) {
  if (current_ == this) {
    queue_.push_back(what);
    if (!draining_) schedule_drain();
    return;
  }
  {
    std::lock_guard lock{mutex_};
    if (!closed_) {
      inbox_.push_back(what);
      wake();
      return;
    }
  }
  caf::scheduler::abstract_coordinator::cleanup_and_release(what);
}

void worker::submit_all(const std::vector<caf::resumable*>& batch) {
  std::lock_guard lock{mutex_};
  inbox_.insert(inbox_.end(), batch.begin(), batch.end());
  wake();
}

void worker::post(unique_function<void()> what) { submit(caf::make_counted<job>(std::move(what)).detach()); }

void worker::wake() {
  if (wake_posted_ || halted_.load(std::memory_order_relaxed)) return;
  wake_posted_ = true;
  wakes_.fetch_add(1, std::memory_order_relaxed);
  // Posted under the lock: after close() no poster can still be on its way to a context that is about to go.
  boost::asio::post(context_, [this] {
    run_scope turn{*this};
    take_inbox();
  });
}

void worker::take_inbox() {
  {
    std::lock_guard lock{mutex_};
    wake_posted_ = false;
    arrived_.swap(inbox_);
  }
  queue_.insert(queue_.end(), arrived_.begin(), arrived_.end());
  arrived_.clear();
}

void worker::schedule_drain() {
  if (drain_posted_) return;
  drain_posted_ = true;
  boost::asio::defer(context_, [this] {
    drain_posted_ = false;
    run_scope turn{*this};
  });
}

void worker::drain() {
  if (halted_.load(std::memory_order_relaxed)) return;  // purge() takes it from here
  std::size_t budget = turn_budget;
  const auto spend = [&budget](std::size_t n) { budget -= std::min(budget, n); };
  while (budget > 0 && has_work()) {
    if (!queue_.empty()) {
      run_front();
      spend(1);
    } else if (!idle_tasks_.empty()) {
      spend(run_batch(idle_tasks_, &task::when_idle_));
    } else {
      spend(run_batch(end_tasks_, &task::at_turn_end_));
    }
  }
  if (!has_work()) return;
  // Under lasting load the queue is never empty; outboxes and flushes must not wait for that.
  run_batch(idle_tasks_, &task::when_idle_);
  run_batch(end_tasks_, &task::at_turn_end_);
  shed_load();
  if (has_work()) schedule_drain();
}

void worker::run_front() {
  auto* what = queue_.front();
  queue_.pop_front();
  switch (what->resume(this, max_throughput)) {
    case caf::resumable::resume_later:
      queue_.push_back(what);
      break;
    case caf::resumable::awaiting_message:
    case caf::resumable::done:
      caf::intrusive_ptr_release(what);
      break;
    case caf::resumable::shutdown_execution_unit:
      break;
  }
}

std::size_t worker::run_batch(std::vector<task*>& tasks, bool task::*scheduled) {
  batch_.swap(tasks);  // what a task schedules waits for the next batch
  for (std::size_t i = 0; i < batch_.size(); ++i)
    if (auto* what = batch_[i]) {
      what->*scheduled = false;
      what->run();
    }
  const auto count = batch_.size();
  batch_.clear();
  return count;
}

void worker::shed_load() {
  if (queue_.size() <= overflow_mark || owner_.workers() == 1) return;
  auto* other = owner_.idle_worker(*this);
  if (other == nullptr || std::count_if(queue_.begin(), queue_.end(), is_movable) <= std::ptrdiff_t{overflow_mark})
    return;
  std::vector<caf::resumable*> given;
  bool give = false;
  std::erase_if(queue_, [&](caf::resumable* what) {
    if (!is_movable(what) || !(give = !give)) return false;
    given.push_back(what);
    return true;
  });
  other->submit_all(given);
}

void worker::halt() {
  std::lock_guard lock{mutex_};  // no wake-up is posted after this
  halted_.store(true, std::memory_order_relaxed);
}

bool worker::purge() {
  bool any = false;
  if (own_context_ != nullptr) {  // the user's own context is driven by scheduler::purge
    context_.restart();
    for (std::size_t n = 0; n < purge_budget && context_.poll_one() > 0; ++n) any = true;
  }
  {
    std::lock_guard lock{mutex_};
    arrived_.swap(inbox_);
  }
  queue_.insert(queue_.end(), arrived_.begin(), arrived_.end());
  arrived_.clear();
  for (auto* what : std::exchange(idle_tasks_, {})) {
    what->when_idle_ = false;
    what->dropped();
  }
  for (auto* what : std::exchange(end_tasks_, {})) {
    what->at_turn_end_ = false;
    what->dropped();
  }
  while (!queue_.empty()) {  // releasing an actor may enqueue others
    auto* what = queue_.front();
    queue_.pop_front();
    caf::scheduler::abstract_coordinator::cleanup_and_release(what);
    any = true;
  }
  return any;
}

bool worker::close() {
  std::lock_guard lock{mutex_};
  closed_ = inbox_.empty();
  return closed_;
}

bool worker::has_handlers_pending() {
  std::lock_guard lock{mutex_};
  return wake_posted_ || drain_posted_;
}

run_scope::run_scope(worker& where) noexcept
    : worker_(where), previous_(worker::current_), outermost_(!where.draining_) {
  worker::current_ = &where;
  if (outermost_) {
    where.draining_ = true;
    where.idle_.store(false, std::memory_order_relaxed);
  }
}

run_scope::~run_scope() {
  if (outermost_) {
    worker_.drain();
    worker_.draining_ = false;
    worker_.idle_.store(!worker_.has_work(), std::memory_order_relaxed);
  }
  worker::current_ = previous_;
}

}  // namespace duplex::detail
