// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/runtime.hpp>

#include "runtime/scheduler.hpp"

#include <catch2/catch.hpp>
#include <memory>

using namespace duplex;

namespace {

struct counting final : detail::stoppable {
  int told = 0;
  void stopped() noexcept override { ++told; }
};

}  // namespace

TEST_CASE("stop: what asked is told once when the runtime ends, what is gone by then is not", "[runtime]") {
  const auto one = std::make_shared<counting>(), other = std::make_shared<counting>();
  auto gone = std::make_shared<counting>();
  {
    runtime rt;
    auto& scheduler = detail::scheduler::of(rt.system());
    for (const auto& each : {one, other, gone}) scheduler.at_stop(each);
    gone.reset();
    rt.shutdown();
    CHECK(one->told == 0);  // actors may still be there
  }
  CHECK(one->told == 1);
  CHECK(other->told == 1);
}
