// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/log.hpp>

#include <catch2/catch.hpp>

TEST_CASE("log: control characters are shown as question marks, all else as it is", "[log]") {
  CHECK(duplex::printable("plain \xC3\xA9 ~") == "plain \xC3\xA9 ~");
  CHECK(duplex::printable(std::string_view{"a\nb\x1b[2K\0\x7f\t", 10}) == "a?b?[2K???");
  CHECK(duplex::printable("").empty());
}
