// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/result.hpp>

#include <catch2/catch.hpp>

#include <set>
#include <string>

using duplex::errc;
using duplex::error;

TEST_CASE("error: every code has a text of its own", "[error]") {
  std::set<std::string_view> texts;
  for (std::uint8_t i = 0; i < duplex::errc_count; ++i) {
    const auto text = to_string(static_cast<errc>(i));
    INFO(int{i} << " " << text);
    CHECK_FALSE(text.empty());
    CHECK(text != "unknown error");
    CHECK(texts.insert(text).second);
  }
}

TEST_CASE("error: a number without a code is an unknown error", "[error]") {
  CHECK(to_string(static_cast<errc>(duplex::errc_count)) == "unknown error");
  CHECK(to_string(static_cast<errc>(255)) == "unknown error");
}

TEST_CASE("error: the texts stand beside their codes", "[error]") {
  // First, last and those whose text is not the name: a missing line in the table would shift them.
  CHECK(to_string(errc::none) == "no error");
  CHECK(to_string(errc::auth_failed) == "access denied");
  CHECK(to_string(errc::resource_exhausted) == "at its limit");
  CHECK(to_string(errc::invalid_argument) == "invalid argument");
  CHECK(to_string(errc::would_deadlock) == "would wait for itself");
  CHECK(to_string(errc::io) == "input or output");
  CHECK(to_string(errc::cancelled) == "cancelled");
}

TEST_CASE("error: the numbers that travel are stable", "[error]") {
  CHECK(static_cast<int>(errc::closed) == 2);
  CHECK(static_cast<int>(errc::connection_lost) == 6);
  CHECK(static_cast<int>(errc::unknown_service) == 11);
  CHECK(static_cast<int>(errc::refused) == 12);
  CHECK(static_cast<int>(errc::resource_exhausted) == 13);
  CHECK(static_cast<int>(errc::malformed) == 15);
  CHECK(static_cast<int>(errc::io) == 23);
  CHECK(static_cast<int>(errc::cancelled) == duplex::errc_count - 1);
}

TEST_CASE("error: is true exactly when there is one", "[error]") {
  CHECK_FALSE(error{});
  CHECK_FALSE(error(errc::none, "context"));
  for (std::uint8_t i = 1; i < duplex::errc_count; ++i) CHECK(error(static_cast<errc>(i), ""));
}

TEST_CASE("error: the message is the text and the context", "[error]") {
  CHECK(error{}.message() == "no error");
  CHECK(error(errc::closed, "").message() == "closed");
  const error lost{errc::connection_lost, "session with 'hub': keepalive unanswered"};
  CHECK(lost.message() == "connection lost: session with 'hub': keepalive unanswered");
  CHECK(lost.code() == errc::connection_lost);
  CHECK(lost.context() == "session with 'hub': keepalive unanswered");
}

TEST_CASE("error: compares by code and context", "[error]") {
  CHECK(error(errc::closed, "a") == error(errc::closed, "a"));
  CHECK(error(errc::closed, "a") != error(errc::closed, "b"));
  CHECK(error(errc::closed, "a") != error(errc::refused, "a"));
}

TEST_CASE("error: copies outlive what they were made from", "[error]") {
  error copy;
  {
    const error first{errc::io, "a text that is too long for the string to keep it within itself"};
    copy = first;
    CHECK(copy == first);
  }
  CHECK(copy.context() == "a text that is too long for the string to keep it within itself");
  CHECK(error{std::move(copy)}.code() == errc::io);
  CHECK_FALSE(copy);  // NOLINT(bugprone-use-after-move): the claim
  CHECK(copy.context().empty());
}

TEST_CASE("error: none is free of a context and of memory", "[error]") {
  CHECK(error(errc::none, "context") == error{});
  CHECK(sizeof(duplex::result<void>) == 2 * sizeof(void*));  // every operation gives one back
}

TEST_CASE("error: what dialling again does not help is permanent, and nothing else is", "[error]") {
  const std::set permanent{errc::auth_failed, errc::host_key,         errc::key_file,  errc::already_exists,
                           errc::refused,     errc::invalid_argument, errc::malformed, errc::unsupported};
  for (std::uint8_t i = 0; i < duplex::errc_count; ++i) {
    const auto code = static_cast<errc>(i);
    CAPTURE(to_string(code));
    CHECK(duplex::is_permanent(code) == permanent.contains(code));
  }
}
