// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/error.hpp>

#include <array>

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

std::string error::message() const {
  std::string text{to_string(code_)};
  if (!context_.empty()) text.append(": ").append(context_);
  return text;
}

}  // namespace duplex
