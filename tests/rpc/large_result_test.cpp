// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include "tests/rpc/support.hpp"

using namespace duplex;
using namespace duplex::test;

TEST_CASE("call: a result over the frame limit is no success without a result", "[rpc]") {
  rpc_pair p{rpc_pair::loopback, {.max_frame = 4096}};
  REQUIRE(p.far.handle("demo.large", [](rpc::stream<int> in) -> rpc::task<std::string> {
    while (co_await in.next()) {
    }
    co_return std::string(5000, 'x');
  }));
  const auto large = p.near.method<std::string(rpc::stream<int>)>("demo.large", "hub");
  const auto why = text_of_call([&] { large(std::vector{1, 2}).get(); });
  CHECK_THAT(why, Catch::Contains("resource_exhausted: ") && Catch::Contains("limit of 4096"));
}
