// SPDX-License-Identifier: BSD-2-Clause
#include "transport/key_options.hpp"

#include <duplex/options.hpp>

#include <algorithm>
#include <ctime>

namespace duplex::transport {
namespace {

using clock = std::chrono::system_clock;

error wrong(std::string text) { return {errc::invalid_argument, std::move(text)}; }

// sshd's names of options are the same in capitals.
std::string lower(std::string_view text) {
  std::string made{text};
  for (auto& c : made)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return made;
}

bool is_digits(std::string_view text) { return text.find_first_not_of("0123456789") == std::string_view::npos; }

// The next `size` digits.
int take(std::string_view& digits, std::size_t size) {
  int number = 0;
  for (const char c : digits.substr(0, size)) number = number * 10 + (c - '0');
  digits.remove_prefix(std::min(size, digits.size()));
  return number;
}

bool is_flag(std::string_view name) {
  return name == "restrict" || name == "no-pty" || name == "no-x11-forwarding" || name == "no-agent-forwarding" ||
         name == "no-user-rc";
}

bool takes_value(std::string_view name) {
  return name == "permitopen" || name == "permitlisten" || name == "environment" || name == "from" ||
         name == "expiry-time";
}

result<void> add(std::vector<service_pattern>& to, std::string_view value) {
  auto made = service_pattern::parse(value);
  if (!made) return made.error();
  to.push_back(std::move(*made));
  return {};
}

result<void> set_name(key_options& of, std::string_view value) {
  constexpr std::string_view variable = "DUPLEX_PEER=";
  if (!value.starts_with(variable)) return wrong("only DUPLEX_PEER can be set, not '" + std::string{value} + "'");
  const auto name = value.substr(variable.size());
  if (!is_valid_name(name)) return wrong("'" + std::string{name} + "' is no peer's name");
  of.names.emplace_back(name);
  return {};
}

result<void> set_from(key_options& of, std::string_view value) {
  if (of.from) return wrong("it stands twice");
  auto made = address_patterns::parse(value);
  if (!made) return made.error();
  of.from = std::move(*made);
  return {};
}

result<void> set_expiry(key_options& of, std::string_view value) {
  auto made = expiry::parse(value);
  if (!made) return made.error();
  if (!of.expires || made->at < of.expires->at) of.expires = std::move(*made);
  return {};
}

result<void> set(key_options& of, std::string_view name, std::string_view value) {
  if (name == "permitopen") return add(of.opens, value);
  if (name == "permitlisten") return add(of.listens, value);
  if (name == "environment") return set_name(of, value);
  if (name == "from") return set_from(of, value);
  return set_expiry(of, value);
}

// Takes '="value"' with its \" from the front.
result<std::string> take_value(std::string_view& rest, std::string_view name) {
  if (!rest.starts_with("=\"")) return wrong("option '" + std::string{name} + "' takes a value in quotes");
  rest.remove_prefix(2);
  std::string value;
  for (std::size_t at = 0; at < rest.size(); ++at) {
    if (rest[at] == '"') {
      rest.remove_prefix(at + 1);
      return value;
    }
    if (rest[at] == '\\' && at + 1 < rest.size() && rest[at + 1] == '"') ++at;
    value += rest[at];
  }
  return wrong("option '" + std::string{name} + "' lacks its closing quote");
}

}  // namespace

result<expiry> expiry::parse(std::string_view text) {
  namespace chrono = std::chrono;
  auto digits = text;
  const bool utc = digits.ends_with('Z');
  if (utc) digits.remove_suffix(1);
  const auto size = digits.size();
  if (!is_digits(digits) || (size != 8 && size != 12 && size != 14))
    return wrong("'" + std::string{text} + "' is not of the form YYYYMMDD[HHMM[SS]][Z]");
  const chrono::year year{take(digits, 4)};
  const chrono::month month{static_cast<unsigned>(take(digits, 2))};
  const chrono::day day{static_cast<unsigned>(take(digits, 2))};
  const int hour = take(digits, 2), minute = take(digits, 2), second = take(digits, 2);
  const chrono::year_month_day date{year, month, day};
  if (!date.ok() || year < chrono::year{1970} || hour > 23 || minute > 59 || second > 59)
    return wrong("'" + std::string{text} + "' is no time from 1970 on");
  chrono::sys_seconds at =
      chrono::sys_days{date} + chrono::hours{hour} + chrono::minutes{minute} + chrono::seconds{second};
  if (!utc) {
    std::tm local{};
    local.tm_year = static_cast<int>(year) - 1900;
    local.tm_mon = static_cast<int>(static_cast<unsigned>(month)) - 1;
    local.tm_mday = static_cast<int>(static_cast<unsigned>(day));
    local.tm_hour = hour;
    local.tm_min = minute;
    local.tm_sec = second;
    local.tm_isdst = -1;
    at = chrono::sys_seconds{chrono::seconds{std::mktime(&local)}};
  }
  // The clock counts nanoseconds and ends in 2262; people write 99991231.
  const bool beyond = at > chrono::floor<chrono::seconds>(clock::time_point::max());
  return expiry{beyond ? clock::time_point::max() : clock::time_point{at}, std::string{text}};
}

result<key_options> key_options::parse(std::string_view text) {
  key_options made;
  if (text.empty()) return made;
  for (auto rest = text;;) {
    const auto written = rest.substr(0, rest.find_first_of("=,\""));
    rest.remove_prefix(written.size());
    const auto name = lower(written);
    if (name.empty()) return wrong("an option's name is missing");
    if (is_flag(name)) {
      made.restricted |= name == "restrict";
    } else if (takes_value(name)) {
      auto value = take_value(rest, name);
      if (!value) return value.error();
      if (const auto done = set(made, name, *value); !done)
        return wrong("option '" + name + "': " + done.error().context());
    } else {
      return wrong("unknown option '" + std::string{written} + "'");
    }
    if (rest.empty()) return made;
    if (rest.front() != ',') return wrong("something other than a comma follows option '" + name + "'");
    rest.remove_prefix(1);
  }
}

}  // namespace duplex::transport
