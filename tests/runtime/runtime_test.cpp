// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/runtime.hpp>

#include "runtime/messages.hpp"
#include "runtime/roots.hpp"
#include "tests/runtime/support.hpp"

#include <duplex/error.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace duplex::test;
using duplex::runtime;
using duplex::detail::add_root;
using duplex::detail::make_requester;
using duplex::detail::scheduler;
using duplex::detail::worker;

namespace {

struct note {
  int number = 0;
  std::string text;
};
template <class Inspector> typename Inspector::result_type inspect(Inspector& f, note& x) {
  return f(caf::meta::type_name("note"), x.number, x.text);
}

}  // namespace

CAF_BEGIN_TYPE_ID_BLOCK(runtime_tests, first_custom_type_id + 1500)
CAF_ADD_TYPE_ID(runtime_tests, (note))
CAF_END_TYPE_ID_BLOCK(runtime_tests)

namespace {

caf::behavior adder(caf::event_based_actor*) {
  return {[](int a, int b) { return a + b; }};
}

// Sends to itself for ever and has an hour-long delayed message pending.
caf::behavior busy(caf::event_based_actor* self) {
  self->delayed_send(self, 1h, std::string{"late"});
  self->send(self, 1);
  return {[self](int) { self->send(self, 1); }, [](const std::string&) {}};
}

caf::behavior obedient(caf::event_based_actor* self, std::promise<std::chrono::milliseconds>* left) {
  return {[self, left](duplex::shutdown_atom, std::chrono::milliseconds time) {
    left->set_value(time);
    self->quit();
  }};
}

caf::behavior stubborn(caf::event_based_actor* self) {
  self->send(self, 1);
  return {[self](int) { self->send(self, 1); }, [](duplex::shutdown_atom, std::chrono::milliseconds) {}};
}

caf::behavior asks_once(caf::event_based_actor* self, const caf::actor& whom, std::promise<int>* answered) {
  self->request(whom, 3600s, 1, 2).then([answered](int sum) { answered->set_value(sum); });
  return {[](int) {}};
}

caf::behavior deaf(caf::event_based_actor*) {
  return {[](duplex::shutdown_atom, std::chrono::milliseconds) {}};
}

auto address(const caf::actor& a) { return caf::actor_cast<caf::strong_actor_ptr>(a); }

}  // namespace

TEST_CASE("runtime: an idle one shuts down clean", "[runtime]") {
  runtime rt;
  const auto report = rt.shutdown();
  CHECK(report.clean);
  CHECK(report.actors_left == 0);
  CHECK(report.cut_off.empty());
}

TEST_CASE("runtime: shutdown tells the roots, waits for them and answers alike ever after", "[runtime]") {
  const auto workers = GENERATE(1u, 2u, 4u);
  runtime rt{{.workers = workers}};
  std::promise<std::chrono::milliseconds> left;
  auto root = rt.system().spawn(obedient, &left);
  add_root(rt.system(), address(root), "a");
  add_root(rt.system(), address(rt.system().spawn(deaf)), "unreferenced");  // ends on its own: roots are kept weakly
  const auto first = rt.shutdown(30s);
  CHECK(first.clean);
  CHECK(within(left.get_future()) == 30s);
  const auto again = rt.shutdown(0ms);
  CHECK(again.clean);
  CHECK(again.took == first.took);
}

TEST_CASE("runtime: a deadline beyond the clock's end is a long one", "[runtime]") {
  runtime rt;
  std::promise<std::chrono::milliseconds> left;
  auto root = rt.system().spawn(obedient, &left);
  add_root(rt.system(), address(root), "a");
  CHECK(rt.shutdown(std::chrono::milliseconds::max()).clean);
  CHECK(within(left.get_future()) > 3600s);
}

TEST_CASE("runtime: a root that misses the deadline is killed and named", "[runtime]") {
  const auto workers = GENERATE(1u, 2u, 4u);
  runtime rt{{.workers = workers}};
  auto bad = rt.system().spawn(stubborn);
  add_root(rt.system(), address(bad), "bad");
  const auto report = rt.shutdown(50ms);
  CHECK_FALSE(report.clean);
  CHECK(report.cut_off == std::vector<std::string>{"bad"});
  CHECK(report.actors_left == 0);
}

TEST_CASE("runtime: the application's actors are awaited, not told, and counted when they stay", "[runtime]") {
  runtime rt{{.workers = 2}};
  auto stays = rt.system().spawn(adder);
  auto leaves = rt.system().spawn(adder);
  caf::anon_send_exit(leaves, caf::exit_reason::user_shutdown);
  const auto report = rt.shutdown(20ms);
  CHECK_FALSE(report.clean);
  CHECK(report.actors_left >= 1);
  CHECK(report.cut_off.empty());
}

TEST_CASE("runtime: an actor whose request was answered does not stay for the request's time limit", "[runtime]") {
  runtime rt{{.workers = 2}};
  std::promise<int> answered;
  rt.system().spawn(asks_once, rt.system().spawn(adder), &answered);
  CHECK(within(answered.get_future()) == 3);
  CHECK(rt.shutdown(30s).clean);
}

TEST_CASE("runtime: the time limit of a request under way is kept, though nobody else refers to who asked",
          "[runtime]") {
  runtime rt;
  std::promise<void> asked;
  std::promise<caf::error> told;
  const auto silent = rt.system().spawn([&](caf::event_based_actor* self) -> caf::behavior {
    auto kept = std::make_shared<std::vector<caf::response_promise>>();
    return {[self, kept, &asked](int, int) -> caf::response_promise {
      kept->push_back(self->make_response_promise());
      asked.set_value();
      return kept->back();
    }};
  });
  rt.system().spawn([&](caf::event_based_actor* self) -> caf::behavior {
    self->request(silent, 100ms, 1, 2).then([](int) {}, [&told](const caf::error& why) { told.set_value(why); });
    return {[](int) {}};
  });
  asked.get_future().wait_for(patience);
  scheduler::of(rt.system()).clock().release_unreachable();
  CHECK(within(told.get_future()) == caf::sec::request_timeout);
  caf::anon_send_exit(silent, caf::exit_reason::user_shutdown);
}

TEST_CASE("runtime: ends with a hundred busy actors and their delayed messages", "[runtime]") {
  const auto workers = GENERATE(1u, 2u, 4u);
  runtime rt{{.workers = workers}};
  std::vector<caf::actor> actors;
  for (int i = 0; i < 100; ++i) actors.push_back(rt.system().spawn(busy));
  const auto asking = make_requester(rt.system());
  const auto one = rt.system().spawn(adder);
  CHECK(ask(*asking, one, duplex::detail::requester::no_timeout, 1, 2).content.get_as<int>(0) == 3);
  CHECK(rt.shutdown(20ms).actors_left >= 100);
  actors.clear();
}

TEST_CASE("runtime: ends while foreign threads still send", "[runtime]") {
  const auto workers = GENERATE(1u, 4u);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  {
    runtime rt{{.workers = workers}};
    std::vector<caf::actor> actors;
    for (int i = 0; i < 4; ++i) actors.push_back(rt.system().spawn(busy));
    std::promise<void> started;
    std::atomic<int> running{0};
    for (int i = 0; i < 2; ++i)
      threads.emplace_back([&, i] {
        while (!stop) {
          caf::anon_send(actors[static_cast<std::size_t>(i)], 1);
          if (running.fetch_add(1) == 100) started.set_value();
        }
      });
    within(started.get_future());
    CHECK_FALSE(rt.shutdown(10ms).clean);
    stop = true;  // an actor handle must not be used once the runtime is gone
    for (auto& t : threads) t.join();
  }
}

TEST_CASE("runtime: shutdown on a worker thread is refused", "[runtime]") {
  runtime rt{{.workers = 1}};
  const auto refused = on(scheduler::of(rt.system()).at(0), [&] { return rt.shutdown(10s); });
  CHECK_FALSE(refused.clean);
  CHECK(rt.shutdown(30s).clean);
}

TEST_CASE("runtime: an application's CAF configuration brings its message types", "[runtime]") {
  caf::actor_system_config config;
  config.add_message_types<caf::id_block::runtime_tests>();
  const auto factories = config.module_factories.size();
  for (int round = 0; round < 2; ++round) {  // and serves a second runtime as well
    runtime rt{config, {.workers = 2}};
    CHECK(config.module_factories.size() == factories);
    std::vector<char> wire;
    caf::binary_serializer sink{rt.system(), wire};
    auto message = caf::make_message(note{7, "seven"});
    REQUIRE_FALSE(sink(message));
    caf::message copy;
    caf::binary_deserializer source{rt.system(), wire};
    REQUIRE_FALSE(source(copy));
    std::promise<note> got;
    auto actor = rt.system().spawn([&](caf::event_based_actor* self) -> caf::behavior {
      return {[&, self](note& x) {
        got.set_value(std::move(x));
        self->quit();
      }};
    });
    caf::anon_send(actor, std::move(copy));
    const auto arrived = within(got.get_future());
    CHECK(arrived.number == 7);
    CHECK(arrived.text == "seven");
  }
}

TEST_CASE("runtime: errors of the library read as words in CAF's messages", "[runtime]") {
  runtime rt{{.workers = 1}};
  const caf::error e{static_cast<std::uint8_t>(duplex::errc::closed), caf::atom("duplex"),
                     caf::make_message(std::string{"by the test"})};
  CHECK(rt.system().render(e) == "closed: by the test");
}

TEST_CASE("runtime: runs on the application's io_context", "[runtime]") {
  boost::asio::io_context io;
  runtime rt{io};
  CHECK(scheduler::of(rt.system()).workers() == 1);
  std::thread::id ran_on;
  auto actor = rt.system().spawn([&](caf::event_based_actor* self) -> caf::behavior {
    return {[&, self](int x) {
      ran_on = std::this_thread::get_id();
      self->quit();
      return worker::current() == &scheduler::of(rt.system()).at(0) ? x : -1;
    }};
  });
  const auto asking = make_requester(rt.system());
  int answer = 0;
  asking->request(
      address(actor), 1h, [&](caf::error, caf::message m) { answer = m.get_as<int>(0); }, 5);
  io.run_for(patience);
  CHECK(io.stopped());  // nothing of the runtime keeps it once the answer is there
  CHECK(answer == 5);
  CHECK(ran_on == std::this_thread::get_id());
  CHECK(worker::current() == nullptr);
}

TEST_CASE("runtime: on the application's io_context foreign threads ask too, and shutdown drives it", "[runtime]") {
  boost::asio::io_context io;
  {
    runtime rt{io};
    auto actor = rt.system().spawn(adder);
    const auto asking = make_requester(rt.system());
    auto guard = boost::asio::make_work_guard(io);
    std::thread runner{[&] { io.run(); }};
    int wrong = 0;
    for (int i = 0; i < 200; ++i) wrong += ask(*asking, actor, 30s, i, 1).content.get_as<int>(0) != i + 1;
    CHECK(wrong == 0);
    io.stop();
    runner.join();
    auto bad = rt.system().spawn(stubborn);
    add_root(rt.system(), address(bad), "bad");
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    const auto report = rt.shutdown(50ms);
    CHECK(report.cut_off == std::vector<std::string>{"bad"});
    CHECK(report.actors_left == 0);
    rt.system().spawn(busy);  // still there at the end
  }
  io.restart();
  CHECK(io.poll() == 0);  // nothing of the runtime is left behind in it
}

TEST_CASE("runtime: the application's io_context and CAF configuration together", "[runtime]") {
  boost::asio::io_context io;
  caf::actor_system_config config;
  config.add_message_types<caf::id_block::runtime_tests>();
  runtime rt{io, config};
  int got = 0;
  auto actor = rt.system().spawn(
      [&](caf::event_based_actor*) -> caf::behavior { return {[&](const note& x) { got = x.number; }}; });
  caf::anon_send(actor, note{3, ""});
  actor = nullptr;
  io.run_for(patience);
  CHECK(got == 3);
  std::promise<std::chrono::milliseconds> left;
  auto root = rt.system().spawn(obedient, &left);
  add_root(rt.system(), address(root), "root");
  CHECK(rt.shutdown(30s).clean);
  CHECK(within(left.get_future()) == 30s);
}

TEST_CASE("runtime: busy polling workers serve, sleep and stop", "[runtime]") {
  const auto workers = GENERATE(1u, 2u);
  runtime rt{{.workers = workers, .busy_poll = 50us}};
  auto actor = rt.system().spawn(adder);
  const auto asking = make_requester(rt.system());
  int wrong = 0;
  for (int i = 0; i < 200; ++i) wrong += ask(*asking, actor, 30s, i, 1).content.get_as<int>(0) != i + 1;
  CHECK(wrong == 0);
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  CHECK(rt.shutdown(30s).clean);
}
