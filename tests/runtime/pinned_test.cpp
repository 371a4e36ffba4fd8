// SPDX-License-Identifier: BSD-2-Clause
#include "runtime/pinned.hpp"

#include "tests/runtime/support.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <thread>
#include <vector>

using namespace duplex::test;
using duplex::runtime;
using duplex::detail::pinned_actor;
using duplex::detail::scheduler;
using duplex::detail::worker;

namespace {

struct counters {
  std::atomic<int> strayed{0};
  std::atomic<int> seen{0};
  int expected = 0;
  std::promise<void> all;
  void note(const worker* home) {
    if (worker::current() != home) ++strayed;
    if (seen.fetch_add(1) + 1 == expected) all.set_value();
  }
};

class probe final : public pinned_actor<caf::event_based_actor> {
 public:
  probe(caf::actor_config& config, worker* home, counters& count) : pinned_actor(config, home), count_(count) {}
  caf::behavior make_behavior() override {
    if (worker::current() != home()) ++count_.strayed;
    return {[this](int) { count_.note(home()); }};
  }

 private:
  counters& count_;
};

using adder = caf::typed_actor<caf::replies_to<int, int>::with<int>>;

class typed_probe final : public pinned_actor<adder::base> {
 public:
  typed_probe(caf::actor_config& config, worker* home, std::atomic<int>& strayed)
      : pinned_actor(config, home), strayed_(strayed) {}
  behavior_type make_behavior() override {
    return {[this](int a, int b) {
      if (worker::current() != home()) ++strayed_;
      return a + b;
    }};
  }

 private:
  std::atomic<int>& strayed_;
};

}  // namespace

TEST_CASE("pinned: every message runs at home, whoever sends it", "[pinned]") {
  const auto workers = GENERATE(1u, 2u, 4u);
  CAPTURE(workers);
  runtime rt{{.workers = workers}};
  auto& s = scheduler::of(rt.system());
  constexpr int probes = 100, senders = 8, foreign = 2, rounds = 10;
  counters count;
  count.expected = probes * rounds * (senders + foreign);
  std::vector<caf::actor> targets;
  for (int i = 0; i < probes; ++i) targets.push_back(rt.system().spawn<probe>(&s.next(), count));
  for (int i = 0; i < senders; ++i)  // unpinned, so they also overflow from worker to worker
    rt.system().spawn([&](caf::event_based_actor* self) {
      for (int r = 0; r < rounds; ++r)
        for (auto& t : targets) self->send(t, r);
    });
  std::vector<std::thread> threads;
  for (int i = 0; i < foreign; ++i)
    threads.emplace_back([&] {
      for (int r = 0; r < rounds; ++r)
        for (auto& t : targets) caf::anon_send(t, r);
    });
  for (auto& t : threads) t.join();
  within(count.all.get_future());
  CHECK(count.strayed == 0);
  for (auto& t : targets) caf::anon_send_exit(t, caf::exit_reason::user_shutdown);
}

TEST_CASE("pinned: a long queue of pinned actors stays at home beside an idle worker", "[pinned]") {
  runtime rt{{.workers = 2}};
  auto& home = scheduler::of(rt.system()).at(0);
  counters count;
  count.expected = 500;
  std::vector<caf::actor> targets;
  for (int i = 0; i < count.expected; ++i) targets.push_back(rt.system().spawn<probe>(&home, count));
  home.post([&] {
    for (auto& t : targets) caf::anon_send(t, 1);
  });
  within(count.all.get_future());
  CHECK(count.strayed == 0);
  for (auto& t : targets) caf::anon_send_exit(t, caf::exit_reason::user_shutdown);
}

TEST_CASE("pinned: delayed messages and typed requests arrive at home", "[pinned]") {
  runtime rt{{.workers = 2}};
  auto& home = scheduler::of(rt.system()).at(1);  // the clock's timer is on worker 0
  std::atomic<int> strayed{0};
  auto target = rt.system().spawn<typed_probe>(&home, strayed);
  counters count;
  count.expected = 1;
  auto late = rt.system().spawn<probe>(&home, count);
  caf::delayed_anon_send(late, 2ms, 1);
  const auto asking = duplex::detail::make_requester(rt.system());
  const auto sum = ask(*asking, target, 30s, 1, 2);
  CHECK(sum.content.match_elements<int>());
  CHECK(sum.content.get_as<int>(0) == 3);
  within(count.all.get_future());
  CHECK(strayed + count.strayed == 0);
  caf::anon_send_exit(late, caf::exit_reason::user_shutdown);
}

TEST_CASE("pinned: without a home it runs under CAF's deterministic scheduler", "[pinned]") {
  caf::actor_system_config config;
  config.set("scheduler.policy", caf::atom("testing"));
  caf::actor_system system{config};
  CHECK(scheduler::find(system) == nullptr);
  counters count;
  count.expected = 1;
  auto target = system.spawn<probe>(static_cast<worker*>(nullptr), count);
  caf::anon_send(target, 1);
  dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler()).run();
  CHECK(count.seen == 1);
  CHECK(count.strayed == 0);
}
