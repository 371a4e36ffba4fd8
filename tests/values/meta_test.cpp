// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/meta.hpp>

#include <catch2/catch.hpp>

using duplex::meta;

TEST_CASE("meta: starts with nothing known", "[meta]") {
  const meta m;
  CHECK_FALSE(m.trailed);
  CHECK_FALSE(m.stock);
  CHECK_FALSE(m.header("lang"));
  CHECK_FALSE(m.trailer("status"));
  CHECK(m.status() == 0);
}

TEST_CASE("meta: headers and trailers are looked up apart", "[meta]") {
  meta m;
  m.headers = {"plain", "lang=en", "lang=de", "status=9"};
  m.trailers = {"bytes=12", "lang=fr", "note="};
  CHECK(m.header("lang") == "en");
  CHECK(m.trailer("lang") == "fr");
  CHECK(m.trailer("bytes") == "12");
  CHECK(m.trailer("note") == "");
  CHECK_FALSE(m.header("bytes"));
  CHECK_FALSE(m.header("plain"));
  CHECK(m.status() == 0);  // a header is not a trailer
}

TEST_CASE("meta: status is the number in the trailer", "[meta]") {
  meta m;
  for (const std::uint32_t n : {0U, 1U, 254U, 4'294'967'295U}) {
    m.trailers = {"reason=done", "status=" + std::to_string(n), "status=77"};
    CHECK(m.status() == n);
  }
}

TEST_CASE("meta: a status that cannot be read is not success", "[meta]") {
  for (const auto* text : {"", " 0", "0x0", "-1", "+0", "zero", "0 ", "4294967296", "99999999999999999999"}) {
    meta m;
    m.trailers = {std::string{"status="} + text};
    INFO(text);
    CHECK(m.status() == 1);
  }
}
