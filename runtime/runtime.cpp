// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/runtime.hpp>

#include "runtime/messages.hpp"
#include "runtime/requester.hpp"
#include "runtime/scheduler.hpp"

#include <duplex/error.hpp>

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_registry.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <thread>

namespace duplex {
namespace {

using std::chrono::milliseconds;
using time_point = std::chrono::steady_clock::time_point;

// How long a killed peer may take to notice: kill is the next message it looks at, so only one stuck in a handler is
// late.
constexpr milliseconds kill_grace{1000};

// The application's actors tell nobody that they have ended, so their count is looked at this often.
constexpr milliseconds count_interval{2};

detail::scheduler_setup setup_of(const runtime_options& opts, boost::asio::io_context* io) {
  const auto cores = std::max<std::size_t>(std::thread::hardware_concurrency(), 1);
  return {opts.workers > 0 ? opts.workers : std::min<std::size_t>(2, cores), opts.busy_poll, io};
}

std::string render(std::uint8_t code, caf::atom_value, const caf::message& context) {
  const auto known = code < errc_count ? static_cast<errc>(code) : errc::internal;
  const bool has_text = !context.empty() && context.match_element<std::string>(0);
  return error{known, has_text ? context.get_as<std::string>(0) : std::string{}}.message();
}

// Counts the roots that have ended. Shared with callbacks that may outlive the shutdown that asked.
struct tally {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<bool> down;
  std::size_t missing = 0;

  explicit tally(std::size_t roots) : down(roots), missing(roots) {}
  void mark(std::size_t index) {
    std::lock_guard lock{mutex};
    down[index] = true;
    --missing;
    changed.notify_all();
  }
  bool done() {
    std::lock_guard lock{mutex};
    return missing == 0;
  }
  void wait_until(time_point when) {
    std::unique_lock lock{mutex};
    changed.wait_until(lock, when, [this] { return missing == 0; });
  }
};

}  // namespace

struct runtime::state {
  // The config is ready for the actor_system's constructor and back in the application's shape afterwards.
  struct installed {
    caf::actor_system_config& config;
    installed(caf::actor_system_config& cfg, const detail::scheduler_setup& setup) : config(cfg) {
      detail::scheduler::install(config, setup);
      config.add_error_category(caf::atom("duplex"), render);
    }
    ~installed() { config.module_factories.pop_back(); }
  };

  state(std::unique_ptr<caf::actor_system_config> own, caf::actor_system_config* theirs, runtime_options opts,
        boost::asio::io_context* io)
      : own_config(std::move(own)) {
    auto& config = theirs != nullptr ? *theirs : *own_config;
    const installed guard{config, setup_of(opts, io)};
    system.emplace(config);
    system->await_actors_before_shutdown(false);  // shutdown() awaits them, with a deadline
    workers = &detail::scheduler::of(*system);
  }

  // Waits for `over` to be true; on the user's io_context by running it.
  template <class Over, class Sleep> void wait(time_point deadline, Over over, Sleep sleep) {
    while (!over() && std::chrono::steady_clock::now() < deadline) {
      auto* io = workers->external();
      if (io == nullptr) {
        sleep();
        continue;
      }
      if (io->stopped()) io->restart();
      // A slice: the actors' threads may be others, and without work this returns at once.
      if (io->run_one_for(count_interval) == 0) std::this_thread::sleep_for(std::chrono::microseconds{100});
    }
  }

  shutdown_report shutdown(milliseconds limit);

  std::unique_ptr<caf::actor_system_config> own_config;
  std::optional<caf::actor_system> system;
  detail::scheduler* workers = nullptr;
  std::mutex mutex;  // one shutdown at a time
  std::optional<shutdown_report> report;
};

shutdown_report runtime::state::shutdown(milliseconds limit) {
  constexpr milliseconds longest = std::chrono::hours{24 * 365};  // a clock's end is no limit
  const auto start = std::chrono::steady_clock::now();
  limit = std::min(limit, longest);
  const auto deadline = start + limit;
  auto roots = workers->roots();
  const auto ends = std::make_shared<tally>(roots.size());
  const auto watching = detail::make_requester(*system);
  std::vector<caf::weak_actor_ptr> actors;  // weak again: a root that only we held must be free to end
  for (std::size_t i = 0; i < roots.size(); ++i) {
    watching->watch(roots[i].actor, [ends, i](const caf::error&) { ends->mark(i); });
    roots[i].actor->enqueue(nullptr, caf::make_message_id(), caf::make_message(shutdown_atom_v, limit), nullptr);
    actors.emplace_back(roots[i].actor.get());
    roots[i].actor = nullptr;
  }
  const auto await_roots = [&](time_point until) {
    wait(
        until, [&] { return ends->done(); }, [&] { ends->wait_until(until); });
  };
  await_roots(deadline);

  shutdown_report found;
  for (std::size_t i = 0; i < roots.size(); ++i) {
    std::unique_lock lock{ends->mutex};
    if (ends->down[i]) continue;
    lock.unlock();
    found.cut_off.push_back(roots[i].name);
    if (auto actor = actors[i].lock()) caf::anon_send_exit(caf::actor_cast<caf::actor>(actor), caf::exit_reason::kill);
  }
  auto last = deadline;
  if (!found.cut_off.empty()) {
    last = std::chrono::steady_clock::now() + kill_grace;
    await_roots(last);
  }
  workers->tell_stopping();
  const auto& registry = system->registry();
  const auto all_ended = [&] {
    workers->clock().release_unreachable();
    return registry.running() == 0;
  };
  wait(last, all_ended, [] { std::this_thread::sleep_for(count_interval); });

  found.actors_left = registry.running();
  found.clean = found.cut_off.empty() && found.actors_left == 0;
  found.took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
  return found;
}

runtime::runtime() : runtime(runtime_options{}) {}

runtime::runtime(runtime_options opts)
    : state_(std::make_unique<state>(std::make_unique<caf::actor_system_config>(), nullptr, opts, nullptr)) {}

runtime::runtime(caf::actor_system_config& config, runtime_options opts)
    : state_(std::make_unique<state>(nullptr, &config, opts, nullptr)) {}

runtime::runtime(boost::asio::io_context& io)
    : state_(std::make_unique<state>(std::make_unique<caf::actor_system_config>(), nullptr, runtime_options{}, &io)) {}

runtime::runtime(boost::asio::io_context& io, caf::actor_system_config& config)
    : state_(std::make_unique<state>(nullptr, &config, runtime_options{}, &io)) {}

runtime::~runtime() {
  if (state_->workers->on_worker()) {
    std::fputs("duplex::runtime destroyed on one of its own worker threads\n", stderr);
    std::abort();
  }
  shutdown();
}

caf::actor_system& runtime::system() noexcept { return *state_->system; }

shutdown_report runtime::shutdown(milliseconds deadline) {
  if (state_->workers->on_worker()) {
    shutdown_report refused;
    refused.actors_left = system().registry().running();
    return refused;
  }
  std::lock_guard lock{state_->mutex};
  if (!state_->report) state_->report = state_->shutdown(deadline);
  return *state_->report;
}

}  // namespace duplex
