// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/log.hpp>

#include <catch2/catch.hpp>

TEST_CASE("log: control characters are shown as question marks, all else as it is", "[log]") {
  CHECK(duplex::printable("plain \xC3\xA9 ~") == "plain \xC3\xA9 ~");
  CHECK(duplex::printable(std::string_view{"a\nb\x1b[2K\0\x7f\t", 10}) == "a?b?[2K???");
  CHECK(duplex::printable("").empty());
  CHECK(duplex::printable("\xE2\x82\xAC \xF0\x9F\x90\x9A") == "\xE2\x82\xAC \xF0\x9F\x90\x9A");
}

TEST_CASE("log: what is no UTF-8, and the controls behind ASCII, are question marks, too", "[log]") {
  CHECK(duplex::printable("a\x9b"
                          "2J") == "a?2J");                         // an 8-bit CSI by itself
  CHECK(duplex::printable("\xC2\x9B|\xC2\xA0") == "??|\xC2\xA0");   // the same as UTF-8; the next above it shows
  CHECK(duplex::printable("\xff\xfe|\xC3|\xE2\x82") == "??|?|??");  // no beginnings, and ends
  CHECK(duplex::printable("\xC0\xAF|\xE0\x80\xAF") == "??|???");    // longer than need be
  CHECK(duplex::printable("\xED\xA0\x80|\xF4\x90\x80\x80") == "???|????");  // a surrogate; beyond Unicode
}
