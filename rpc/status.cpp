// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/rpc/status.hpp>

#include <array>

namespace duplex::rpc {
namespace {

constexpr std::array<std::string_view, code_count> names = {
    "ok",        "cancelled",      "unknown",           "invalid_argument",   "deadline_exceeded",
    "not_found", "already_exists", "permission_denied", "resource_exhausted", "failed_precondition",
    "aborted",   "out_of_range",   "unimplemented",     "internal",           "unavailable",
    "data_loss", "unauthenticated"};

code meaning_of(errc what) {
  switch (what) {
    case errc::none:
      return code::ok;
    case errc::invalid_argument:
      return code::invalid_argument;
    case errc::timed_out:
      return code::deadline_exceeded;
    case errc::not_found:
      return code::not_found;
    case errc::already_exists:
    case errc::address_in_use:
      return code::already_exists;
    case errc::auth_failed:
    case errc::host_key:
    case errc::key_file:
      return code::unauthenticated;
    case errc::refused:
      return code::permission_denied;
    case errc::resource_exhausted:
    case errc::frame_too_large:
      return code::resource_exhausted;
    case errc::unknown_service:
    case errc::unsupported:
      return code::unimplemented;
    case errc::cancelled:
      return code::cancelled;
    case errc::truncated:
      return code::data_loss;
    case errc::closed:
    case errc::connection_failed:
    case errc::connection_lost:
    case errc::not_connected:
      return code::unavailable;
    case errc::would_deadlock:
      return code::failed_precondition;
    case errc::end_of_stream:
      return code::out_of_range;
    case errc::internal:
    case errc::malformed:
    case errc::io:
      return code::internal;
  }
  return code::unknown;
}

}  // namespace

std::string_view to_string(code of) noexcept {
  const auto at = static_cast<std::size_t>(of);
  return at < names.size() ? names[at] : "unknown";
}

code to_code(std::uint32_t number) noexcept { return number < code_count ? static_cast<code>(number) : code::unknown; }

status::status(const error& why) : code_(meaning_of(why.code())), message_(why ? why.message() : std::string{}) {}

std::string status::text() const {
  return message_.empty() ? std::string{to_string(code_)} : std::string{to_string(code_)} + ": " + message_;
}

}  // namespace duplex::rpc
