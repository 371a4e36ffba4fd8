// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/result.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <type_traits>

using duplex::errc;
using duplex::error;
using duplex::result;

TEST_CASE("result: a value converts to true", "[result]") {
  result<std::string> r = std::string{"hello"};
  CHECK(r);
  CHECK(r.has_value());
  CHECK(*r == "hello");
  CHECK(r->size() == 5);
  CHECK_FALSE(r.error());
  *r += "!";
  CHECK(*std::as_const(r) == "hello!");
  CHECK(std::as_const(r)->size() == 6);
}

TEST_CASE("result: an error converts to false", "[result]") {
  for (const result<int>& r : {result<int>{errc::closed, "why"}, result<int>{error{errc::closed, "why"}}}) {
    CHECK_FALSE(r);
    CHECK_FALSE(r.has_value());
    CHECK(r.error() == error(errc::closed, "why"));
  }
}

TEST_CASE("result: a false or zero value is still a value", "[result]") {
  CHECK(result<bool>{false});
  CHECK(result<int>{0});
  CHECK(result<std::string>{std::string{}});
}

TEST_CASE("result: a value that only moves is moved out", "[result]") {
  result<std::unique_ptr<int>> r{std::make_unique<int>(7)};
  const auto taken = *std::move(r);
  REQUIRE(taken);
  CHECK(*taken == 7);
}

TEST_CASE("result: an error goes on from one type to another", "[result]") {
  const auto inner = []() -> result<int> { return {errc::not_found, "key"}; };
  const auto outer = [&]() -> result<std::string> {
    auto r = inner();
    if (!r) return r.error();
    return std::to_string(*r);
  };
  CHECK(outer().error() == error(errc::not_found, "key"));
}

TEST_CASE("result: of nothing is success unless it holds an error", "[result]") {
  CHECK(result<void>{});
  CHECK(result<void>{}.has_value());
  CHECK_FALSE(result<void>{}.error());
  const result<void> failed{errc::timed_out, "open"};
  CHECK_FALSE(failed);
  CHECK_FALSE(failed.has_value());
  CHECK(failed.error() == error(errc::timed_out, "open"));
  CHECK(result<void>{error{}});  // no error is success
}

TEST_CASE("result: does not turn into a number by itself", "[result]") {
  CHECK_FALSE(std::is_convertible_v<result<int>, bool>);
  CHECK_FALSE(std::is_convertible_v<result<void>, bool>);
  CHECK_FALSE(std::is_convertible_v<error, bool>);
  CHECK(std::is_same_v<result<int>::value_type, int>);
}

TEST_CASE("result: a value need not have an empty form", "[result]") {
  struct named {
    explicit named(std::string of) : name(std::move(of)) {}
    std::string name;
  };
  result<named> r{named{"a"}};
  REQUIRE(r);
  CHECK(r->name == "a");
  r = result<named>{errc::not_found, "b"};
  CHECK_FALSE(r);
  CHECK(r.error().context() == "b");
}

TEST_CASE("result: an error that is none is no success", "[result]") {
  const result<std::string> r{error{}};
  CHECK_FALSE(r);
  CHECK(r.error().code() == errc::internal);
}
