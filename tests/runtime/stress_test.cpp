// SPDX-License-Identifier: BSD-2-Clause
// What a scheduler and a clock must stand: many of everything at once, on one, two and four workers.
#include "tests/runtime/support.hpp"

#include <caf/blocking_actor.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>

#include <atomic>
#include <string>
#include <vector>

using namespace duplex::test;
using duplex::runtime;
using duplex::detail::make_requester;
using duplex::detail::requester;

namespace {

caf::behavior adder(caf::event_based_actor* self) {
  return {[](int a, int b) { return a + b; }, [self](const std::string&) { self->quit(); }};
}

// Takes requests and never answers.
caf::behavior silent(caf::event_based_actor*) {
  return {[](int) -> caf::result<int> { return caf::delegated<int>{}; }};
}

struct boss_state {
  int left = 0;
};

// Spawns `n` monitored actors, asks each, tells it to end when it has answered, ends when all have.
caf::behavior boss(caf::stateful_actor<boss_state>* self, int n, std::atomic<int>* wrong) {
  self->state.left = n;
  self->set_down_handler([self](caf::down_msg&) {
    if (--self->state.left == 0) self->quit();
  });
  for (int i = 0; i < n; ++i) {
    auto w = self->spawn<caf::monitored>(adder);
    self->request(w, 60s, i, 1)
        .then(
            [self, w, i, wrong](int r) {
              if (r != i + 1) ++*wrong;
              self->send(w, std::string{"end"});
            },
            [wrong](caf::error&) { ++*wrong; });
  }
  return {[](int) {}};
}

caf::behavior sleeper(caf::event_based_actor* self, int n, std::atomic<int>* early, std::atomic<int>* came) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < n; ++i) self->delayed_send(self, std::chrono::milliseconds{1 + i % 40}, i);
  auto left = std::make_shared<int>(n);
  return {[=](int i) {
    if (std::chrono::steady_clock::now() - start < std::chrono::milliseconds{1 + i % 40}) ++*early;
    ++*came;
    if (--*left == 0) self->quit();
  }};
}

}  // namespace

TEST_CASE("stress: a thousand actors answer a foreign thread", "[stress]") {
  const auto workers = GENERATE(1u, 2u, 4u);
  CAPTURE(workers);
  runtime rt{{.workers = workers}};
  const auto asking = make_requester(rt.system());
  std::vector<caf::actor> actors;
  for (int i = 0; i < 1000; ++i) actors.push_back(rt.system().spawn(adder));
  int wrong = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto got = ask(*asking, actors[static_cast<std::size_t>(i)], requester::no_timeout, i, 1);
    if (got.error || got.content.get_as<int>(0) != i + 1) ++wrong;
  }
  CHECK(wrong == 0);
  std::atomic<int> answers{0};
  std::promise<void> all;
  for (auto& each : actors)  // all at once
    asking->request(
        caf::actor_cast<caf::strong_actor_ptr>(each), 60s,
        [&](caf::error e, caf::message m) {
          if (!e && m.get_as<int>(0) == 3 && answers.fetch_add(1) + 1 == 1000) all.set_value();
        },
        1, 2);
  within(all.get_future());
  for (auto& each : actors) caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
  actors.clear();
  CHECK(rt.shutdown(30s).clean);
}

TEST_CASE("stress: storms of spawn, monitor, request and exit", "[stress]") {
  const auto workers = GENERATE(1u, 2u, 4u);
  CAPTURE(workers);
  runtime rt{{.workers = workers}};
  std::atomic<int> wrong{0};
  std::vector<caf::actor> bosses;
  for (int i = 0; i < 4; ++i) bosses.push_back(rt.system().spawn(boss, 500, &wrong));
  for (auto& each : bosses) await_end(rt.system(), each);
  CHECK(wrong == 0);
  bosses.clear();
  CHECK(rt.shutdown(30s).clean);
}

TEST_CASE("stress: an exit travels down a chain of two hundred links", "[stress]") {
  const auto workers = GENERATE(1u, 2u, 4u);
  CAPTURE(workers);
  runtime rt{{.workers = workers}};
  const auto head = rt.system().spawn(adder);
  auto last = head;
  for (int i = 0; i < 200; ++i)
    last = rt.system().spawn([before = last](caf::event_based_actor* self) -> caf::behavior {
      self->link_to(before);
      return {[](int) {}};
    });
  caf::anon_send_exit(head, caf::exit_reason::user_shutdown);
  await_end(rt.system(), last);
  last = nullptr;
  CHECK(rt.shutdown(30s).clean);
}

TEST_CASE("stress: delayed messages all come, none early", "[stress]") {
  const auto workers = GENERATE(1u, 2u, 4u);
  CAPTURE(workers);
  runtime rt{{.workers = workers}};
  std::atomic<int> early{0}, came{0};
  std::vector<caf::actor> sleepers;
  for (int i = 0; i < 20; ++i) sleepers.push_back(rt.system().spawn(sleeper, 50, &early, &came));
  for (auto& each : sleepers) await_end(rt.system(), each);
  CHECK(came == 1000);
  CHECK(early == 0);
}

TEST_CASE("stress: requests to a silent actor time out, event-based and from outside", "[stress]") {
  const auto workers = GENERATE(1u, 2u, 4u);
  CAPTURE(workers);
  runtime rt{{.workers = workers}};
  const auto deaf = rt.system().spawn(silent);
  std::atomic<int> timed_out{0}, wrong{0};
  std::vector<caf::actor> askers;
  for (int i = 0; i < 100; ++i)
    askers.push_back(rt.system().spawn([&](caf::event_based_actor* self) {
      self->request(deaf, 5ms, 1)
          .then([&](int) { ++wrong; }, [&](caf::error& e) { ++(e == caf::sec::request_timeout ? timed_out : wrong); });
    }));
  for (auto& each : askers) await_end(rt.system(), each);
  CHECK(timed_out == 100);
  CHECK(wrong == 0);
  const auto asking = make_requester(rt.system());
  std::atomic<int> late{0};
  std::promise<void> all;
  for (int i = 0; i < 100; ++i)
    asking->request(
        caf::actor_cast<caf::strong_actor_ptr>(deaf), 5ms,
        [&](caf::error e, caf::message) {
          if (e == caf::sec::request_timeout && late.fetch_add(1) + 1 == 100) all.set_value();
        },
        1);
  within(all.get_future());
  caf::anon_send_exit(deaf, caf::exit_reason::kill);
}

TEST_CASE("stress: detached and blocking actors live beside the workers", "[stress]") {
  runtime rt{{.workers = 2}};
  const auto asking = make_requester(rt.system());
  auto detached = rt.system().spawn<caf::detached>(adder);
  CHECK(ask(*asking, detached, 30s, 4, 5).content.get_as<int>(0) == 9);
  caf::anon_send_exit(detached, caf::exit_reason::kill);
  detached = nullptr;
  std::promise<int> got;
  auto blocking =
      rt.system().spawn([&](caf::blocking_actor* self) { self->receive([&](int x) { got.set_value(x); }); });
  caf::anon_send(blocking, 7);
  CHECK(within(got.get_future()) == 7);
  blocking = nullptr;
  CHECK(rt.shutdown(30s).clean);
}
