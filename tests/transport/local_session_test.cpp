// SPDX-License-Identifier: BSD-2-Clause
// How long an inproc session lives: its wire decides, not who still names it.
#include "transport/local_session.hpp"

#include <duplex/runtime.hpp>

#include "runtime/requester.hpp"
#include "runtime/scheduler.hpp"

#include <caf/event_based_actor.hpp>

#include <catch2/catch.hpp>
#include <chrono>
#include <future>

using namespace duplex;
using namespace duplex::transport;
using namespace std::chrono_literals;

namespace {

// A peer that lets its sessions in and forgets them at once.
caf::behavior careless(caf::event_based_actor* self, std::promise<void>* up) {
  return {
      [](attach_atom, const caf::actor&) {},
      [self, up](up_atom, const caf::actor&, const session_info_ptr&) -> caf::result<void> {
        self->send(self, retry_atom_v);  // after the answer
        return caf::unit;
      },
      [up](retry_atom) { up->set_value(); },
  };
}

struct one_session {
  runtime rt;
  std::promise<void> up;
  inproc_end_ptr remote;
  caf::weak_actor_ptr session;

  one_session() {
    auto [near, far] = inproc_end::make_pair(nullptr);
    remote = far;
    const session_plan plan{std::make_shared<options>(), key::generate(), rt.system().spawn(careless, &up), {}, {}};
    const auto made = spawn_local_session(rt.system(), plan, side::acceptor, near, {}, nullptr);
    session = caf::actor_cast<caf::weak_actor_ptr>(made);
    std::vector<wire::event> events;
    events.emplace_back(wire::identity{"SHA256:me"});
    events.emplace_back(std::make_unique<wire::hello>());
    remote->send(events);
  }
  bool is_gone() {
    std::vector<wire::event> events;
    remote->take(events);
    return !events.empty() && std::holds_alternative<wire::gone>(events.back());
  }
};

}  // namespace

TEST_CASE("inproc session: it lives while its wire does, though nobody names it any more", "[inproc]") {
  one_session one;
  std::promise<void> ended;
  const auto watching = detail::make_requester(one.rt.system());
  watching->watch(one.session.lock(), [&](const caf::error&) { ended.set_value(); });
  REQUIRE(one.up.get_future().wait_for(20s) == std::future_status::ready);
  // The claim's time limit is what else refers to it, and a runtime that is shutting down forgets that.
  for (int i = 0; i < 100; ++i) detail::scheduler::of(one.rt.system()).clock().release_unreachable();
  CHECK(one.session.lock() != nullptr);
  CHECK_FALSE(one.is_gone());
  one.remote->leave();
  CHECK(ended.get_future().wait_for(20s) == std::future_status::ready);
}

TEST_CASE("inproc session: one that outlives its workers ends with its runtime", "[inproc]") {
  auto one = std::make_unique<one_session>();
  REQUIRE(one->up.get_future().wait_for(20s) == std::future_status::ready);
  const auto remote = one->remote;
  CHECK(one->rt.shutdown(0ms).actors_left > 0);
  one = nullptr;
  std::vector<wire::event> events;
  remote->take(events);
  REQUIRE_FALSE(events.empty());
  CHECK(std::holds_alternative<wire::gone>(events.back()));
}
