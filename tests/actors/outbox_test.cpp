// SPDX-License-Identifier: BSD-2-Clause
#include "actors/outbox.hpp"

#include <catch2/catch.hpp>

#include <string>

using duplex::detail::outbox;
using form = outbox::form;

TEST_CASE("outbox: frames go behind frames, bytes behind bytes, and neither behind the other", "[outbox]") {
  outbox out;
  CHECK(out.fits(3, form::frame));
  CHECK(out.fits(3, form::raw));
  out.put("one", form::frame);
  CHECK(out.fits(3, form::frame));
  CHECK_FALSE(out.fits(3, form::raw));
  out.put("two", form::frame);
  CHECK(out.take_frames().count() == 2);
  CHECK_FALSE(out.has_frames());
  out.put("ab", form::raw);
  CHECK(out.fits(3, form::raw));
  CHECK_FALSE(out.fits(3, form::frame));
  out.put("cd", form::raw);
  CHECK(out.take_bytes() == duplex::bytes{"abcd"});
  CHECK_FALSE(out.has_bytes());
}

TEST_CASE("outbox: a batch of frames stays within 64 KiB, a larger frame is one by itself", "[outbox]") {
  constexpr std::size_t most = 64 << 10, header = 4;
  outbox out;
  out.put(std::string(most / 2, 'x'), form::frame);
  CHECK(out.fits(most / 2 - 2 * header, form::frame));
  CHECK_FALSE(out.fits(most / 2 - 2 * header + 1, form::frame));
  CHECK_FALSE(out.is_full());
  out.put(std::string(most / 2 - 2 * header, 'x'), form::frame);
  CHECK(out.is_full());
  CHECK(out.take_frames().wire_size() == most);
  CHECK_FALSE(out.fits(most, form::frame));
  out.put(std::string(most, 'x'), form::frame);
  CHECK(out.is_full());
  CHECK(out.take_frames().count() == 1);
}

TEST_CASE("outbox: the channel is asked at half of what may be on its way, and answers for what was there then",
          "[outbox]") {
  outbox out;
  out.set_high_water(100);
  out.put(std::string(49, 'x'), form::raw);
  CHECK_FALSE(out.asks());
  out.passed(1);  // a batch that was not put here
  CHECK(out.asks());
  out.asked();
  CHECK_FALSE(out.asks());
  out.put(std::string(46, 'x'), form::frame);  // with its header
  CHECK_FALSE(out.may_pass());
  CHECK_FALSE(out.asks());
  out.answered();
  CHECK(out.may_pass());
  CHECK(out.asks());
  out.asked();
  out.answered();
  CHECK_FALSE(out.asks());
}
