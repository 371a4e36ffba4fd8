// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include "tests/rpc/support.hpp"

using namespace duplex;
using duplex::test::rpc_pair;

namespace {

rpc::stream<int> up_to(int count) {
  for (int n = 0; n < count; ++n) co_yield n;
}

std::vector<int> all(rpc::stream<int> from) {
  std::vector<int> list;
  for (const int n : from) list.push_back(n);
  return list;
}

}  // namespace

TEST_CASE("stream: a coroutine that is a plain function yields what it yields, and not its argument", "[rpc]") {
  CHECK(all(up_to(3)) == std::vector{0, 1, 2});
  rpc_pair p;
  REQUIRE(p.far.handle("demo.up", &up_to));
  CHECK(all(p.near.method<rpc::stream<int>(int)>("demo.up", "hub")(3)) == std::vector{0, 1, 2});
}
