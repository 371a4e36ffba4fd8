// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include "tests/rpc/support.hpp"

#include <thread>

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

// TSan sees it when the thread ends before the writer has left what woke it.
TEST_CASE("stream: a thread may end as soon as the object that it waited for is there", "[rpc]") {
  int sum = 0;
  for (int n = 0; n < 300; ++n) {
    auto [out, in] = rpc::pipe<int>();
    std::thread reader{[&sum, in = std::move(in)]() mutable { sum += in.get().value_or(0); }};
    out.put(1);
    reader.join();
  }
  CHECK(sum == 300);
}
