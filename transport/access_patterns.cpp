// SPDX-License-Identifier: BSD-2-Clause
#include "transport/access_patterns.hpp"

#include <duplex/options.hpp>

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace duplex::transport {
namespace {

error wrong(std::string text) { return {errc::invalid_argument, std::move(text)}; }

std::string quoted(std::string_view text) { return '\'' + std::string{text} + '\''; }

// Decimal digits and nothing else.
bool read_number(std::string_view text, unsigned& into) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), into);
  return failed == std::errc{} && end == text.data() + text.size();
}

// Linear in the text for each star: it goes back to the last one only.
bool matches_wildcards(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

// Whether an address could look like that: a dot and a letter without a colon stand in host names only.
bool may_be_address(std::string_view wildcards) {
  if (wildcards.find_first_not_of("0123456789abcdef.:*?") != std::string_view::npos) return false;
  return wildcards.find(':') != std::string_view::npos || wildcards.find('.') == std::string_view::npos ||
         wildcards.find_first_of("abcdef") == std::string_view::npos;
}

}  // namespace

result<service_pattern> service_pattern::parse(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return wrong(quoted(text) + " is not of the form name:port");
  service_pattern made;
  if (const auto port = text.substr(colon + 1);
      port != "*" && (!read_number(port, made.port_) || made.port_ < 1 || made.port_ > 65535))
    return wrong(quoted(text) + " has no port of 1 to 65535 or * after its name");
  auto name = text.substr(0, colon);
  if (name.ends_with('*')) {
    made.is_prefix_ = true;
    name.remove_suffix(1);
    if (name.starts_with('@')) return wrong(quoted(text) + ": a name that begins with @ is listed without *");
  }
  if (!is_valid_name(name) && !(made.is_prefix_ && name.empty()))
    return wrong(quoted(text) + " has no service name: 1 to 255 letters, digits and . _ / @ -, then perhaps one *");
  made.name_ = name;
  return made;
}

bool service_pattern::matches(std::string_view name, unsigned port) const noexcept {
  if (port_ != 0 && port != port_) return false;
  return is_prefix_ ? name.starts_with(name_) && !name.starts_with('@') : name == name_;
}

// An IPv4 address within IPv6 (RFC 4291 section 2.5.5.2) is that IPv4 address.
bool address_patterns::read(std::string_view text, ip& into) {
  const std::string name{text};
  if (name.find('\0') != std::string::npos) return false;
  auto* bytes = into.bytes.data();
  if (::inet_pton(AF_INET, name.c_str(), bytes) == 1) {
    into.bits = 32;
    return true;
  }
  if (::inet_pton(AF_INET6, name.c_str(), bytes) != 1) return false;
  into.bits = 128;
  static constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (!std::equal(mapped.begin(), mapped.end(), bytes)) return true;
  std::copy_n(bytes + 12, 4, bytes);
  into.bits = 32;
  into.mapped = true;
  return true;
}

std::string address_patterns::text_of(const ip& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(address.bits == 32 ? AF_INET : AF_INET6, address.bytes.data(), text.data(), text.size());
  return text.data();
}

result<address_patterns::pattern> address_patterns::parse_pattern(std::string_view text) {
  pattern made;
  const auto whole = text;
  if ((made.negated = text.starts_with('!'))) text.remove_prefix(1);
  if (text.empty()) return wrong("an address is missing");
  if (text.find('/') == std::string_view::npos && text.find_first_of("*?") != std::string_view::npos) {
    made.wildcards = text;
    for (auto& c : made.wildcards)
      if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    if (may_be_address(made.wildcards)) return made;
    return wrong(quoted(whole) + " is no pattern of addresses; names are never resolved here");
  }
  const auto slash = text.find('/');
  if (!read(text.substr(0, slash), made.network))
    return wrong(quoted(whole) + " is no address; names are never resolved here");
  made.prefix = made.network.bits;
  if (slash == std::string_view::npos) return made;
  const unsigned above = made.network.mapped ? 96 : 0;
  if (!read_number(text.substr(slash + 1), made.prefix) || made.prefix > above + made.network.bits ||
      made.prefix < above)
    return wrong(quoted(whole) + " has a prefix that its address has not");
  made.prefix -= above;
  for (auto bit = made.prefix; bit < made.network.bits; ++bit)
    if ((made.network.bytes[bit / 8] & (0x80U >> bit % 8)) != 0)
      return wrong(quoted(whole) + " has bits set beyond its prefix");
  return made;
}

result<address_patterns> address_patterns::parse(std::string_view list) {
  address_patterns made;
  for (;;) {
    const auto comma = list.find(',');
    auto one = parse_pattern(list.substr(0, comma));
    if (!one) return one.error();
    made.patterns_.push_back(std::move(*one));
    if (comma == std::string_view::npos) return made;
    list.remove_prefix(comma + 1);
  }
}

bool address_patterns::matches(const pattern& one, const ip& address) {
  if (!one.wildcards.empty()) {
    const auto text = text_of(address);
    // What somebody wrote to keep "::ffff:..." out must not let it in as IPv4.
    return matches_wildcards(one.wildcards, text) ||
           (one.negated && address.mapped && matches_wildcards(one.wildcards, "::ffff:" + text));
  }
  if (one.network.bits != address.bits) return false;
  for (unsigned bit = 0; bit < one.prefix; bit += 8) {
    const auto mask = 0xffU << (8 - std::min(8U, one.prefix - bit));
    if (((one.network.bytes[bit / 8] ^ address.bytes[bit / 8]) & mask & 0xffU) != 0) return false;
  }
  return true;
}

bool address_patterns::match(std::string_view address) const {
  ip from;
  // The zone of "fe80::1%eth0" is this host's own business.
  if (!read(address.substr(0, address.find('%')), from)) return false;
  bool admitted = false;
  for (const auto& one : patterns_)
    if (matches(one, from)) {
      if (one.negated) return false;
      admitted = true;
    }
  return admitted;
}

}  // namespace duplex::transport
