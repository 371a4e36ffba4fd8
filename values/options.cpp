// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/options.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <variant>

namespace duplex {
namespace {

using std::chrono::milliseconds;

using text_field = std::string options::*;
using count_field = std::uint64_t options::*;
using time_field = milliseconds options::*;

// The one table. Ranges are in the field's unit: bytes, a count, or milliseconds.
struct row {
  std::string_view name;
  std::variant<text_field, count_field, time_field> field;
  std::uint64_t low = 0, high = 0;
};

constexpr std::string_view user_separators = " ,";
constexpr std::uint64_t day = 24ULL * 3600 * 1000;
constexpr std::uint64_t gib = 1ULL << 30;
// An SSH packet carries at most 262,144 bytes (libssh); the record shares it with the open request's other fields.
constexpr std::uint64_t open_record_limit = 200'000;

constexpr std::array table{
    row{"name", &options::name},
    row{"identity", &options::identity},
    row{"identity_agent", &options::identity_agent},
    row{"authorized_keys", &options::authorized_keys},
    row{"known_hosts", &options::known_hosts},
    row{"host_key", &options::host_key},
    row{"host_key_policy", &options::host_key_policy},
    row{"max_frame", &options::max_frame, 1, gib},
    row{"max_open_record", &options::max_open_record, 64, open_record_limit},
    row{"max_channels", &options::max_channels, 1, 100'000},
    row{"accept_queue", &options::accept_queue, 0, 1'000'000},
    row{"max_startups", &options::max_startups, 1, 100'000},
    row{"max_auth_tries", &options::max_auth_tries, 1, 1000},
    row{"receive_window", &options::receive_window, 1, gib},
    row{"send_high_water", &options::send_high_water, 1, gib},
    row{"send_low_water", &options::send_low_water, 0, gib},
    row{"rekey_limit", &options::rekey_limit, 1U << 16, 64 * gib},
    row{"rekey_time", &options::rekey_time, 1000, day},
    row{"stream_local_bind_mask", &options::stream_local_bind_mask},
    row{"allow_users", &options::allow_users},
    row{"sessions", &options::sessions, 1, 64},
    row{"login_grace_time", &options::login_grace_time, 1, day},
    row{"connect_timeout", &options::connect_timeout, 1, day},
    row{"open_timeout", &options::open_timeout, 1, day},
    row{"alive_interval", &options::alive_interval, 1, day},
    row{"alive_count_max", &options::alive_count_max, 1, 1000},
    row{"reconnect_delay", &options::reconnect_delay, 1, day},
    row{"reconnect_delay_max", &options::reconnect_delay_max, 1, day},
    row{"linger", &options::linger, 0, day},
};

const row* find(std::string_view name) {
  const auto at = std::find_if(table.begin(), table.end(), [&](const row& r) { return r.name == name; });
  return at == table.end() ? nullptr : &*at;
}

error unknown(std::string_view name) {
  std::string names;
  for (const auto& r : table) names.append(names.empty() ? "" : ", ").append(r.name);
  return {errc::not_found, "option '" + std::string{name} + "' does not exist; there are " + names};
}

struct unit {
  std::string_view suffix;
  std::uint64_t factor;
};
constexpr std::array size_units{unit{"K", 1U << 10}, unit{"M", 1U << 20}, unit{"G", 1U << 30}, unit{"", 1}};
constexpr std::array time_units{unit{"ms", 1}, unit{"s", 1000}, unit{"m", 60'000}, unit{"h", 3'600'000}};

template <class Units> bool parse(std::string_view text, const Units& units, std::uint64_t& number) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc{} || text.empty()) return false;
  const auto suffix = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const auto& u : units)
    if (suffix == u.suffix)
      return number <= std::numeric_limits<std::int64_t>::max() / u.factor && ((number *= u.factor), true);
  return false;
}

bool in_range(const row& r, std::uint64_t number) { return number >= r.low && number <= r.high; }

error out_of_range(const row& r, std::string_view value) {
  const auto* end = std::holds_alternative<time_field>(r.field) ? "ms" : "";
  const auto* form = std::holds_alternative<time_field>(r.field) ? " (a number with ms, s, m or h)"
                                                                 : " (a number, K, M or G may follow)";
  return {errc::invalid_argument, "option '" + std::string{r.name} + "' is '" + std::string{value} + "'; it takes " +
                                      std::to_string(r.low) + end + " to " + std::to_string(r.high) + end + form};
}

std::string format(const options& of, const row& r) {
  if (const auto* text = std::get_if<text_field>(&r.field)) return of.*(*text);
  if (const auto* count = std::get_if<count_field>(&r.field)) return std::to_string(of.*(*count));
  return std::to_string((of.*std::get<time_field>(r.field)).count()) + "ms";
}

bool is_mask(std::string_view text) {
  return !text.empty() && text.size() <= 4 && text.find_first_not_of("01234567") == std::string_view::npos &&
         (text.size() < 4 || text.front() == '0');
}

result<void> check_users(std::string_view list) {
  while (!list.empty()) {
    const auto one = list.substr(0, list.find_first_of(user_separators));
    list.remove_prefix(std::min(one.size() + 1, list.size()));
    if (!one.empty() && !is_valid_name(one))
      return {errc::invalid_argument, "option 'allow_users' holds '" + std::string{one} +
                                          "'; it takes names of users or their numbers, with blanks or commas between"};
  }
  return {};
}

// 32 bytes as base64, without the padding.
bool is_fingerprint(std::string_view text) {
  constexpr std::string_view hash = "SHA256:";
  constexpr std::size_t length = 43;
  if (!text.starts_with(hash)) return false;
  text.remove_prefix(hash.size());
  constexpr auto is_base64 = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  };
  return text.size() == length && std::all_of(text.begin(), text.end(), is_base64);
}

result<void> check(const options& of, const row& r) {
  if (std::holds_alternative<text_field>(r.field)) {
    if (r.name == "allow_users") return check_users(of.allow_users);
    if (r.name == "stream_local_bind_mask" && !is_mask(of.stream_local_bind_mask))
      return {errc::invalid_argument,
              "option 'stream_local_bind_mask' is '" + of.stream_local_bind_mask + "'; it takes octal 0 to 0777"};
    if (r.name == "name" && !of.name.empty() && !is_valid_name(of.name))
      return {errc::invalid_argument,
              "option 'name' is '" + of.name + "'; it takes 1 to 255 letters, digits and . _ / @ -"};
    if (r.name == "host_key" && !of.host_key.empty() && !is_fingerprint(of.host_key))
      return {errc::invalid_argument, "option 'host_key' is '" + of.host_key +
                                          "'; it takes SHA256: and 43 characters, as ssh-keygen -lf prints them"};
    if (r.name == "host_key_policy" && of.host_key_policy != "strict" && of.host_key_policy != "accept_new")
      return {errc::invalid_argument,
              "option 'host_key_policy' is '" + of.host_key_policy + "'; it takes strict or accept_new"};
    return {};
  }
  const auto* count = std::get_if<count_field>(&r.field);
  const auto value = count ? of.*(*count) : static_cast<std::uint64_t>((of.*std::get<time_field>(r.field)).count());
  if (!in_range(r, value)) return out_of_range(r, format(of, r));
  return {};
}

}  // namespace

result<void> set_option(options& of, std::string_view name, std::string_view value) {
  const auto* r = find(name);
  if (r == nullptr) return unknown(name);
  auto changed = of;
  std::uint64_t number = 0;
  if (const auto* text = std::get_if<text_field>(&r->field)) {
    changed.*(*text) = value;
  } else if (const auto* count = std::get_if<count_field>(&r->field)) {
    if (!parse(value, size_units, number) || !in_range(*r, number)) return out_of_range(*r, value);
    changed.*(*count) = number;
  } else {
    if (!parse(value, time_units, number) || !in_range(*r, number)) return out_of_range(*r, value);
    changed.*std::get<time_field>(r->field) = milliseconds{number};
  }
  if (auto ok = check(changed, *r); !ok) return ok;
  of = std::move(changed);
  return {};
}

result<std::string> get_option(const options& of, std::string_view name) {
  const auto* r = find(name);
  if (r == nullptr) return unknown(name);
  return format(of, *r);
}

std::vector<std::string_view> option_names() {
  std::vector<std::string_view> names;
  names.reserve(table.size());
  for (const auto& r : table) names.push_back(r.name);
  return names;
}

result<void> validate(const options& of) {
  for (const auto& r : table)
    if (auto ok = check(of, r); !ok) return ok;
  if (of.send_low_water > of.send_high_water)
    return {errc::invalid_argument,
            "option 'send_low_water' is over 'send_high_water'; lower the first or raise the second"};
  if (of.reconnect_delay > of.reconnect_delay_max)
    return {errc::invalid_argument,
            "option 'reconnect_delay' is over 'reconnect_delay_max'; lower the first or raise the second"};
  return {};
}

bool is_valid_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 255) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view{"._/@-"}.find(c) != std::string_view::npos;
  });
}

}  // namespace duplex
