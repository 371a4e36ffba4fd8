// SPDX-License-Identifier: BSD-2-Clause
#include "runtime/requester.hpp"

#include "tests/runtime/support.hpp"

#include <duplex/messages.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <string>

using namespace duplex::test;
using duplex::runtime;
using duplex::detail::make_requester;
using duplex::detail::requester;

namespace {

caf::behavior server(caf::event_based_actor* self) {
  self->set_default_handler(caf::drop);  // quietly
  return {[](int x) { return x + 1; },
          [](const std::string&) -> caf::result<int> { return caf::sec::invalid_argument; }};
}

// Takes requests and never answers them; an atom tells that all earlier ones were taken.
caf::behavior silent(caf::event_based_actor* self) {
  return {[self](int) { (void)self->make_response_promise(); }, [](duplex::ping_atom) { return 1; }};
}

auto address(const caf::actor& a) { return caf::actor_cast<caf::strong_actor_ptr>(a); }

}  // namespace

TEST_CASE("requester: an answer arrives as content, an error as error", "[requester]") {
  const auto workers = GENERATE(1u, 2u);
  runtime rt{{.workers = workers}};
  auto target = rt.system().spawn(server);
  const auto asking = make_requester(rt.system());
  const auto good = ask(*asking, target, requester::no_timeout, 41);
  CHECK_FALSE(good.error);
  REQUIRE(good.content.match_elements<int>());
  CHECK(good.content.get_as<int>(0) == 42);
  const auto same = ask(*asking, target, 30s, caf::make_message(1));
  CHECK(same.content.get_as<int>(0) == 2);
  CHECK(ask(*asking, target, 30s, std::string{"x"}).error == caf::sec::invalid_argument);
  CHECK(ask(*asking, target, 30s, 1.5).error == caf::sec::unexpected_message);
  caf::anon_send_exit(target, caf::exit_reason::user_shutdown);
}

TEST_CASE("requester: an unanswered request times out, once", "[requester]") {
  runtime rt{{.workers = 2}};
  auto target = rt.system().spawn(silent);
  const auto asking = make_requester(rt.system());
  CHECK(ask(*asking, target, 5ms, 1).error == caf::sec::request_timeout);
  caf::anon_send_exit(target, caf::exit_reason::user_shutdown);
}

TEST_CASE("requester: a dead, missing or dying receiver is an error", "[requester]") {
  runtime rt{{.workers = 2}};
  const auto asking = make_requester(rt.system());
  auto target = rt.system().spawn(silent);
  SECTION("dead") {
    caf::anon_send_exit(target, caf::exit_reason::kill);
    await_end(rt.system(), target);
    CHECK(ask(*asking, target, 30s, 1).error == caf::sec::request_receiver_down);
  }
  SECTION("missing") { CHECK(ask(*asking, caf::strong_actor_ptr{}, 30s, 1).error == caf::sec::request_receiver_down); }
  SECTION("dies with the request taken, watched") {
    std::promise<caf::error> ended;
    std::promise<bool> down_first;
    auto down = std::make_shared<std::atomic<bool>>(false);
    asking->watch(address(target), [down](const caf::error&) { *down = true; });
    asking->request(
        address(target), requester::no_timeout,
        [&, down](caf::error e, caf::message) {
          down_first.set_value(*down);
          ended.set_value(std::move(e));
        },
        1);
    REQUIRE(ask(*asking, target, 30s, duplex::ping_atom_v).content.match_elements<int>());
    caf::anon_send_exit(target, caf::exit_reason::kill);
    CHECK(within(ended.get_future()) == caf::sec::request_receiver_down);
    CHECK(within(down_first.get_future()));
  }
}

TEST_CASE("requester: what is pending when it goes ends with closed", "[requester]") {
  runtime rt{{.workers = 1}};
  auto target = rt.system().spawn(silent);
  auto asking = make_requester(rt.system());
  std::promise<caf::error> ended;
  asking->request(
      address(target), requester::no_timeout, [&](caf::error e, caf::message) { ended.set_value(std::move(e)); }, 1);
  const auto other = make_requester(rt.system());
  for (int i = 0; i < 2; ++i)  // the second answer says that the first request's message is gone too
    REQUIRE(ask(*other, target, 30s, duplex::ping_atom_v).content.match_elements<int>());
  asking = nullptr;
  CHECK(duplex::from_caf(within(ended.get_future())).code() == duplex::errc::closed);
  caf::anon_send_exit(target, caf::exit_reason::kill);
}

TEST_CASE("requester: watch tells the reason, for the living and the dead", "[requester]") {
  runtime rt{{.workers = 2}};
  auto target = rt.system().spawn(silent);
  const auto watching = make_requester(rt.system());
  std::promise<caf::error> living, dead;
  watching->watch(address(target), [&](const caf::error& reason) { living.set_value(reason); });
  caf::anon_send_exit(target, caf::exit_reason::user_shutdown);
  CHECK(within(living.get_future()) == caf::exit_reason::user_shutdown);
  watching->watch(address(target), [&](const caf::error& reason) { dead.set_value(reason); });
  CHECK(within(dead.get_future()) == caf::exit_reason::user_shutdown);
}

TEST_CASE("requester: a watch dies with its requester", "[requester]") {
  runtime rt{{.workers = 1}};
  auto target = rt.system().spawn(silent);
  auto called = std::make_shared<std::atomic<bool>>(false);
  auto watching = make_requester(rt.system());
  watching->watch(address(target), [called](const caf::error&) { *called = true; });
  watching = nullptr;
  CHECK(called.use_count() == 1);  // detached: nothing of it stays with a long-lived actor
  caf::anon_send_exit(target, caf::exit_reason::user_shutdown);
  await_end(rt.system(), target);
  CHECK_FALSE(*called);
}

TEST_CASE("requester: others may monitor it and ask it, a derived class gets the messages", "[requester]") {
  struct echo final : requester {
    std::promise<int> got;
    using requester::requester;
    void on_message(caf::mailbox_element& what) override {
      if (what.content().match_elements<int>())
        got.set_value(what.content().get_as<int>(0));
      else
        requester::on_message(what);
    }
  };
  runtime rt{{.workers = 1}};
  auto port = make_requester<echo>(rt.system());
  std::promise<caf::error> refused, down;
  auto self = rt.system().spawn([&](caf::event_based_actor* me) -> caf::behavior {
    me->set_down_handler([&](caf::down_msg& msg) { down.set_value(msg.reason); });
    return {[me, &refused](const caf::strong_actor_ptr& to) {
      me->monitor(caf::actor_cast<caf::actor>(to));
      me->send(caf::actor_cast<caf::actor>(to), 7);
      me->request(caf::actor_cast<caf::actor>(to), caf::infinite, std::string{"?"})
          .then([](int) {}, [&](caf::error& e) { refused.set_value(e); });
    }};
  });
  caf::anon_send(self, caf::strong_actor_ptr{port->ctrl()});
  CHECK(within(port->got.get_future()) == 7);
  CHECK(within(refused.get_future()) == caf::sec::unexpected_message);
  port = nullptr;
  CHECK(within(down.get_future()) == caf::exit_reason::normal);
  caf::anon_send_exit(self, caf::exit_reason::user_shutdown);
}

TEST_CASE("requester: many threads ask at once and each gets its own answer", "[requester]") {
  runtime rt{{.workers = 2}};
  auto target = rt.system().spawn(server);
  const auto asking = make_requester(rt.system());
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        const auto got = ask(*asking, target, 30s, 1000 * t + i);
        if (got.error || got.content.get_as<int>(0) != 1000 * t + i + 1) ++wrong;
      }
    });
  for (auto& t : threads) t.join();
  CHECK(wrong == 0);
  caf::anon_send_exit(target, caf::exit_reason::user_shutdown);
}
