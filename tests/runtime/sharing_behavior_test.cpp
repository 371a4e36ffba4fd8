// SPDX-License-Identifier: BSD-2-Clause
#include "runtime/sharing_behavior.hpp"

#include "tests/runtime/support.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

using namespace duplex::test;
using duplex::runtime;
using duplex::detail::calls;
using duplex::detail::sharing_behavior;

namespace {

class counter final : public sharing_behavior<counter, caf::event_based_actor> {
 public:
  using sharing_behavior::sharing_behavior;
  caf::behavior make_behavior() override {
    static const caf::behavior shared{calls<&counter::add>{}};
    return shared;
  }

 private:
  int add(int more) { return sum_ += more; }
  int sum_ = 0;
};

}  // namespace

TEST_CASE("shared behavior: each actor's handlers are its own", "[runtime]") {
  runtime rt{{.workers = 2, .busy_poll = {}}};
  caf::scoped_actor self{rt.system()};
  const auto one = rt.system().spawn<counter>(), two = rt.system().spawn<counter>();
  const auto ask = [&](const caf::actor& whom, int more) {
    int got = 0;
    self->request(whom, std::chrono::seconds{10}, more)
        .receive([&](int sum) { got = sum; }, [](const caf::error& why) { FAIL(to_string(why)); });
    return got;
  };
  CHECK(ask(one, 1) == 1);
  CHECK(ask(two, 10) == 10);
  CHECK(ask(one, 1) == 2);
  CHECK(ask(two, 10) == 20);
}
