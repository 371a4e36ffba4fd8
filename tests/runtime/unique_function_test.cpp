// SPDX-License-Identifier: BSD-2-Clause
#include "runtime/unique_function.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <memory>
#include <string>

using duplex::detail::unique_function;

TEST_CASE("unique_function: small and large callables move, run and die once", "[unique_function]") {
  auto owned = std::make_shared<int>(7);
  const std::weak_ptr<int> watch = owned;
  SECTION("small") {
    unique_function<int(int)> f = [p = std::move(owned)](int x) { return *p + x; };
    unique_function<int(int)> g = std::move(f);
    CHECK_FALSE(f);
    CHECK(g(1) == 8);
    g = nullptr;
    CHECK(watch.expired());
  }
  SECTION("large") {
    unique_function<int(int)> f = [p = std::move(owned), pad = std::array<char, 100>{}](int x) {
      return *p + x + pad[3];
    };
    unique_function<int(int)> g;
    g = std::move(f);
    CHECK_FALSE(f);
    CHECK(g(1) == 8);
    g = [](int x) { return x; };
    CHECK(watch.expired());
    CHECK(g(3) == 3);
  }
}

TEST_CASE("unique_function: move-only captures and arguments pass through", "[unique_function]") {
  unique_function<std::string(std::unique_ptr<int>)> f = [own = std::make_unique<int>(1)](std::unique_ptr<int> p) {
    return std::to_string(*own + *p);
  };
  CHECK(f(std::make_unique<int>(2)) == "3");
}
