// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/error.hpp>

#include <array>
#include <utility>

namespace duplex {

std::string_view to_string(errc code) noexcept {
  static constexpr std::array<std::string_view, errc_count> names{
      "no error",        "internal error",
      "closed",          "end of stream",
      "timed out",       "connection failed",
      "connection lost", "access denied",
      "host key",        "key file",
      "not connected",   "unknown service",
      "refused",         "at its limit",
      "frame too large", "malformed",
      "truncated",       "invalid argument",
      "address in use",  "already exists",
      "not found",       "would wait for itself",
      "unsupported",     "input or output",
      "cancelled",
  };
  const auto i = static_cast<std::size_t>(code);
  return i < names.size() ? names[i] : "unknown error";
}

bool is_permanent(errc code) noexcept {
  switch (code) {
    case errc::auth_failed:
    case errc::host_key:
    case errc::key_file:
    case errc::already_exists:
    case errc::refused:
    case errc::invalid_argument:
    case errc::malformed:
    case errc::unsupported:
      return true;
    default:
      return false;
  }
}

error::error(errc code, std::string context)
    : said_(code == errc::none ? nullptr : std::make_shared<const said>(said{code, std::move(context)})) {}

const std::string& error::context() const noexcept {
  static const std::string nothing;
  return said_ ? said_->context : nothing;
}

std::string error::message() const {
  std::string text{to_string(code())};
  if (!context().empty()) text.append(": ").append(context());
  return text;
}

}  // namespace duplex
