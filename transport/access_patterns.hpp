// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/result.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace duplex::transport {

/// *Value.* "name:port" of permitopen and permitlisten: the port may be `*`, and the name may end in one `*`, which
/// never matches a leading `@`.
class service_pattern {
 public:
  /// Errors: `invalid_argument`.
  static result<service_pattern> parse(std::string_view text);

  [[nodiscard]] bool matches(std::string_view name, unsigned port) const noexcept;

 private:
  std::string name_;  // without the `*`
  bool is_prefix_ = false;
  unsigned port_ = 0;  // 0: any
};

/// *Value.* The list of from=: addresses, networks and wildcards, each perhaps negated. As in sshd a negated match
/// refuses whatever else matches; names are never resolved.
class address_patterns {
 public:
  /// Errors: `invalid_argument`.
  static result<address_patterns> parse(std::string_view list);

  /// Whether the list admits a numeric address; never for what is none, as the empty one of unix and exec.
  [[nodiscard]] bool match(std::string_view address) const;

 private:
  struct ip {
    std::array<std::uint8_t, 16> bytes{};
    unsigned bits = 0;  // 32 or 128
    bool mapped = false;
  };
  struct pattern {
    bool negated = false;
    std::string wildcards;  // else `network`
    ip network;
    unsigned prefix = 0;
  };
  static bool read(std::string_view text, ip& into);
  static std::string text_of(const ip& address);
  static result<pattern> parse_pattern(std::string_view text);
  static bool matches(const pattern& one, const ip& address);

  std::vector<pattern> patterns_;
};

}  // namespace duplex::transport
