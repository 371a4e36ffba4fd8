// SPDX-License-Identifier: BSD-2-Clause
#include "runtime/worker.hpp"

#include "tests/runtime/support.hpp"

#include <boost/asio/post.hpp>
#include <caf/event_based_actor.hpp>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

using namespace duplex::test;
using duplex::runtime;
using duplex::detail::run_scope;
using duplex::detail::scheduler;
using duplex::detail::worker;

namespace {

struct recorder final : worker::task {
  std::function<void()> what;
  explicit recorder(std::function<void()> f) : what(std::move(f)) {}
  void run() override { what(); }
};

}  // namespace

TEST_CASE("worker: run queue, then when_idle tasks, then turn-end tasks, each once", "[worker]") {
  runtime rt{{.workers = 1}};
  auto& w = scheduler::of(rt.system()).at(0);
  std::vector<std::string> order;  // touched on the worker only, read after it
  std::promise<void> over;
  recorder idle{[&] { order.push_back("idle"); }};
  recorder end{[&] {
    order.push_back("end");
    over.set_value();
  }};
  w.post([&] {
    w.at_turn_end(end);
    w.at_turn_end(end);
    w.when_idle(idle);
    w.when_idle(idle);
    for (int i = 0; i < 3; ++i) w.post([&] { order.push_back("run"); });
  });
  within(over.get_future());
  on(w, [] {});
  CHECK(order == std::vector<std::string>{"run", "run", "run", "idle", "end"});
}

TEST_CASE("worker: what tasks make runnable runs before the next turn-end task of the same turn", "[worker]") {
  runtime rt{{.workers = 1}};
  auto& w = scheduler::of(rt.system()).at(0);
  std::vector<std::string> order;
  std::promise<void> over;
  recorder second_end{[&] {
    order.push_back("end 2");
    over.set_value();
  }};
  recorder idle{[&] {
    order.push_back("idle");
    w.post([&] { order.push_back("run from idle"); });
  }};
  recorder end{[&] {
    order.push_back("end 1");
    w.post([&] { order.push_back("run from end"); });
    w.at_turn_end(second_end);
    w.when_idle(idle);
  }};
  w.post([&] {
    w.when_idle(idle);
    w.at_turn_end(end);
  });
  within(over.get_future());
  on(w, [] {});
  CHECK(order ==
        std::vector<std::string>{"idle", "run from idle", "end 1", "run from end", "idle", "run from idle", "end 2"});
}

TEST_CASE("worker: a forgotten task does not run, not even from within its own batch", "[worker]") {
  runtime rt{{.workers = 1}};
  auto& w = scheduler::of(rt.system()).at(0);
  std::atomic<int> ran{0};
  recorder victim{[&] { ran += 100; }};
  recorder killer{[&] {
    ++ran;
    w.forget(victim);
  }};
  on(w, [&] {
    w.when_idle(killer);
    w.when_idle(victim);
  });
  on(w, [&] {
    w.at_turn_end(victim);
    w.forget(victim);
  });
  on(w, [] {});
  CHECK(ran == 1);
}

TEST_CASE("worker: turn-end tasks run even when the queue never empties", "[worker]") {
  runtime rt{{.workers = 1}};
  auto& w = scheduler::of(rt.system()).at(0);
  std::atomic<bool> stop{false};
  std::function<void()> again = [&] {
    if (!stop) w.post([&] { again(); });
  };
  std::promise<void> flushed;
  recorder end{[&] { flushed.set_value(); }};
  w.post([&] {
    again();
    w.at_turn_end(end);
  });
  within(flushed.get_future());
  stop = true;
  on(w, [] {});
}

TEST_CASE("worker: a task scheduled outside a turn gets one", "[worker]") {
  runtime rt{{.workers = 1}};
  auto& w = scheduler::of(rt.system()).at(0);
  std::promise<void> ran;
  recorder task{[&] { ran.set_value(); }};
  boost::asio::post(w.context(), [&] { w.when_idle(task); });  // an application's handler has no run scope
  within(ran.get_future());
  on(w, [] {});
}

TEST_CASE("worker: the inbox wakes once however much arrives, and keeps the order", "[worker]") {
  runtime rt{{.workers = 1}};
  auto& w = scheduler::of(rt.system()).at(0);
  std::promise<void> blocked, release;
  w.post([&, go = release.get_future().share()] {
    blocked.set_value();
    (void)comes(go);
  });
  within(blocked.get_future());
  const auto before = w.wakes();
  std::vector<int> order;
  for (int i = 0; i < 1000; ++i) w.post([&order, i] { order.push_back(i); });
  CHECK(w.wakes() - before == 1);
  release.set_value();
  on(w, [] {});
  REQUIRE(order.size() == 1000);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("worker: current is set in a turn of its own thread only", "[worker]") {
  runtime rt{{.workers = 2}};
  auto& s = scheduler::of(rt.system());
  CHECK(worker::current() == nullptr);
  CHECK_FALSE(s.on_worker());
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(on(s.at(i), [] { return worker::current(); }) == &s.at(i));
    CHECK(on(s.at(i), [&] { return s.on_worker(); }));
    CHECK(s.at(i).index() == i);
  }
  auto& first = s.next();
  auto& second = s.next();
  CHECK(&first != &second);
  CHECK(&s.next() == &first);
}

TEST_CASE("worker: nested run scopes drain once, when the outermost closes", "[worker]") {
  runtime rt{{.workers = 1}};
  auto& w = scheduler::of(rt.system()).at(0);
  std::promise<std::vector<std::string>> result;
  boost::asio::post(w.context(), [&] {
    std::vector<std::string> order;
    {
      run_scope outer{w};
      {
        run_scope inner{w};
        w.post([&] { order.push_back("ran"); });
      }
      order.push_back("inner closed");
    }
    order.push_back("outer closed");
    result.set_value(order);
  });
  CHECK(within(result.get_future()) == std::vector<std::string>{"inner closed", "ran", "outer closed"});
}

TEST_CASE("worker: a long queue overflows to an idle worker", "[worker]") {
  runtime rt{{.workers = 2}};
  auto& s = scheduler::of(rt.system());
  std::promise<void> elsewhere;
  const auto moved = elsewhere.get_future().share();
  std::atomic<bool> told{false};
  std::atomic<int> ran{0}, waited_in_vain{0};
  std::promise<void> all;
  // After its first turn the worker is held up in a handler: only the other one can go on, with what was moved to it.
  const auto body = [&](caf::event_based_actor*) {
    if (worker::current() != &s.at(0)) {
      if (!told.exchange(true)) elsewhere.set_value();
    } else if (ran.load() >= 64 && !comes(moved)) {
      ++waited_in_vain;
    }
    if (ran.fetch_add(1) + 1 == 300) all.set_value();
  };
  s.at(0).post([&] {
    for (int i = 0; i < 300; ++i) rt.system().spawn(body);
  });
  within(all.get_future());
  CHECK(told);
  CHECK(waited_in_vain == 0);
}

TEST_CASE("worker: foreign threads and workers post at once, nothing is lost", "[worker]") {
  runtime rt{{.workers = 4}};
  auto& s = scheduler::of(rt.system());
  constexpr int each = 2000;
  std::atomic<int> ran{0};
  std::promise<void> all;
  const auto count = [&] {
    if (ran.fetch_add(1) + 1 == 8 * each) all.set_value();
  };
  for (std::size_t from = 0; from < 4; ++from)
    s.at(from).post([&] {
      for (int i = 0; i < each; ++i) s.next().post(count);
    });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < each; ++i) s.next().post(count);
    });
  for (auto& t : threads) t.join();
  within(all.get_future());
  CHECK(ran == 8 * each);
}
