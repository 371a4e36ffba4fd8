// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/rpc/status.hpp>

#include <catch2/catch.hpp>

using namespace duplex;

TEST_CASE("status: the codes are gRPC's, by number and name", "[rpc]") {
  CHECK(to_string(rpc::code::ok) == "ok");
  CHECK(static_cast<int>(rpc::code::unimplemented) == 12);
  CHECK(to_string(rpc::to_code(12)) == "unimplemented");
  CHECK(to_string(rpc::to_code(16)) == "unauthenticated");
  CHECK(rpc::to_code(17) == rpc::code::unknown);
}

TEST_CASE("status: every error of the core but none means a failure", "[rpc]") {
  CHECK(rpc::status{error{}}.ok());
  for (std::uint8_t i = 1; i < errc_count; ++i) {
    const rpc::status of{error{static_cast<errc>(i), "why"}};
    CAPTURE(i);
    CHECK_FALSE(of.ok());
    CHECK(of.code() != rpc::code::unknown);
    CHECK(of.message().find("why") != std::string::npos);
  }
}
