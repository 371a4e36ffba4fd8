// SPDX-License-Identifier: BSD-2-Clause
#include "transport/dialler.hpp"

#include <catch2/catch.hpp>
#include <random>

using duplex::transport::back_off;
using std::chrono::milliseconds;

TEST_CASE("back-off: doubles up to the last wait and stays there", "[back-off]") {
  back_off wait{milliseconds{100}, milliseconds{1000}};
  for (const int expected : {100, 200, 400, 800, 1000, 1000, 1000}) CHECK(wait.next(0) == milliseconds{expected});
}

TEST_CASE("back-off: starts anew after a reset", "[back-off]") {
  back_off wait{milliseconds{100}, milliseconds{30'000}};
  for (int i = 0; i < 5; ++i) (void)wait.next(0.5);
  wait.reset();
  CHECK(wait.next(0) == milliseconds{100});
  CHECK(wait.next(0) == milliseconds{200});
}

TEST_CASE("back-off: jitter adds up to half of the wait and never shortens it", "[back-off]") {
  std::mt19937 random{6};
  std::uniform_real_distribution<> dice{0, 1};
  for (int round = 0; round < 200; ++round) {
    back_off wait{milliseconds{100}, milliseconds{30'000}};
    for (milliseconds base{100}; base < milliseconds{60'000}; base *= 2) {
      const auto expected = std::min(base, milliseconds{30'000});
      const auto got = wait.next(dice(random));
      REQUIRE(got >= expected);
      REQUIRE(got <= expected * 3 / 2);
    }
  }
  back_off wait{milliseconds{100}, milliseconds{100}};
  CHECK(wait.next(0) == milliseconds{100});
  CHECK(wait.next(0.999999) == milliseconds{149});
}

TEST_CASE("back-off: the jitter of one wait does not grow the next", "[back-off]") {
  back_off wait{milliseconds{100}, milliseconds{1000}};
  (void)wait.next(0.99);
  CHECK(wait.next(0) == milliseconds{200});
}

TEST_CASE("back-off: equal first and last waits are taken", "[back-off]") {
  back_off wait{milliseconds{1}, milliseconds{1}};
  for (int i = 0; i < 100; ++i) CHECK(wait.next(0.9) == milliseconds{1});
}
