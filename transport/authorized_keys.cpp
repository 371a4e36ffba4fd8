// SPDX-License-Identifier: BSD-2-Clause
#include "transport/authorized_keys.hpp"

#include <duplex/log.hpp>

#include "transport/authorized_line.hpp"
#include "transport/hello.hpp"
#include "transport/key_lines.hpp"
#include "transport/ssh_ptr.hpp"

#include <algorithm>
#include <filesystem>

namespace duplex::transport {
namespace {

constexpr std::size_t max_problems =
    1000;                               // nobody reads more, and a file of rubbish shall not take a multiple of itself
constexpr std::size_t max_shown = 500;  // bytes of a problem: some of it is text of the file

// Fit for a terminal and a log.
std::string shown(std::string text) {
  if (text.size() > max_shown) {
    text.resize(max_shown);
    text += "...";
  }
  return printable(text);
}

// For a shell.
std::string quoted(const std::string& word) {
  if (is_valid_name(word)) return word;
  std::string made{'\''};
  for (const char c : word)
    if (c == '\'')
      made += "'\\''";
    else
      made += c;
  return made + '\'';
}

bool any_matches(const std::vector<service_pattern>& patterns, std::string_view name, unsigned port) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const auto& p) { return p.matches(name, port); });
}

}  // namespace

bool permissions::may_open(std::string_view service, unsigned port) const {
  if (service == control_service || service == calls_service) return true;
  if (!of_.opens.empty()) return any_matches(of_.opens, service, port);
  return !of_.restricted && !service.starts_with('@');
}

bool permissions::may_listen(std::string_view name, unsigned port) const {
  return any_matches(of_.listens, name, port);
}

bool permissions::may_claim(std::string_view name) const {
  return name.empty() || of_.names.empty() || std::find(of_.names.begin(), of_.names.end(), name) != of_.names.end();
}

std::string permissions::refusal(std::string_view address, time_point now) const {
  if (of_.from && !of_.from->match(address))
    return where_ + " holds it, but its from= does not match " +
           (address.empty() ? "a connection without an IP address" : std::string{address});
  if (of_.expires && now >= of_.expires->at)
    return where_ + " holds it, but its expiry-time " + of_.expires->text + " has passed";
  return {};
}

std::optional<permissions::time_point> permissions::expires() const {
  if (!of_.expires) return std::nullopt;
  return of_.expires->at;
}

authorized_keys authorized_keys::parse(const std::string& name, std::string_view text) {
  authorized_keys made;
  made.name_ = name;
  const auto all = text;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (all.size() - text.size() > max_key_lines) {
      made.add_problem("the list is over the limit of " + std::to_string(max_key_lines) +
                           " bytes; this line and those after it are ignored",
                       number);
      break;
    }
    if (!is_blank(line)) made.add(line, number);
  }
  return made;
}

authorized_keys authorized_keys::only(const std::string& name, std::string_view line) {
  auto made = parse(name, line);
  made.is_file_ = false;
  return made;
}

authorized_keys authorized_keys::load(const options& of) {
  const auto lines = read_key_lines(of.authorized_keys, "authorized_keys");
  auto made = parse(lines.name, lines.text);
  made.is_file_ = lines.is_file;
  made.readable_ = lines.readable;
  made.unknown_ = lines.unknown;
  made.source_ = of.authorized_keys;
  made.is_standard_ = of.authorized_keys.empty();
  return made;
}

void authorized_keys::add(std::string_view line, std::size_t number) {
  const auto where = name_ + ':' + std::to_string(number);
  auto parsed = authorized_line::parse(line);
  if (!parsed) return add_problem(shown(parsed.error().context()) + "; the line is ignored", number);
  auto options = key_options::parse(parsed->options);
  if (options) {
    auto may = std::make_shared<const permissions>(std::move(*options), where, std::move(parsed->comment));
    entries_.push_back({std::move(parsed->key), std::move(may), {}});
    return;
  }
  const auto problem = shown(options.error().context()) + "; the line is ignored";
  entries_.push_back({std::move(parsed->key), {}, where + ": " + problem});
  add_problem(problem, number);
}

void authorized_keys::add_problem(std::string problem, std::size_t number) {
  if (problems_.size() > max_problems) return;
  if (problems_.size() == max_problems) problem = "more is wrong from this line on";
  problems_.push_back(name_ + ':' + std::to_string(number) + ": " + problem);
}

bool authorized_keys::admits_nobody() const noexcept {
  return std::none_of(entries_.begin(), entries_.end(), [](const entry& e) { return e.may != nullptr; });
}

std::optional<authorized_keys::time_point> authorized_keys::next_expiry(time_point now) const {
  std::optional<time_point> next;
  for (const auto& one : entries_) {
    const auto at = one.may ? one.may->expires() : std::nullopt;
    if (at && *at > now && (!next || *at < *next)) next = at;
  }
  return next;
}

std::string authorized_keys::way_in(const std::string& public_line) const {
  if (!is_file_) return "this line in " + name_ + " would admit it: " + public_line;
  return "admit it with: echo '" + public_line + "' | " + allow_command() + " -";
}

std::string authorized_keys::allow_command() const {
  return "duplex allow" + (is_standard_ ? "" : " --authorized-keys " + quoted(name_));
}

verdict authorized_keys::check(ssh_key client, std::string_view address, time_point now) const {
  const auto line = public_line_of(client);
  if (!readable_) {
    std::error_code ignored;
    const bool exists = std::filesystem::exists(name_, ignored) || ignored;
    return {false,
            name_ + (exists ? " cannot be read" : " does not exist") + ", so nobody is allowed; " +
                fingerprint_of(client) + " was offered; " + way_in(line),
            {}};
  }
  const auto space = line.find(' ');
  const auto blob = key_blob(line.substr(0, space), line.substr(std::min(space, line.size() - 1) + 1));
  if (!blob)
    return {false, fingerprint_of(client) + " is of type " + line.substr(0, space) + ", which is not taken", {}};
  std::string why;
  for (const auto& one : entries_) {
    if (one.key != *blob) continue;
    auto refusal = one.may ? one.may->refusal(address, now) : one.problem;
    if (refusal.empty()) return {true, one.may->where(), one.may};
    if (why.empty()) why = fingerprint_of(client) + " is not allowed: " + refusal;
  }
  if (why.empty()) why = "no line of " + name_ + " holds " + fingerprint_of(client) + "; " + way_in(line);
  return {false, why, {}};
}

}  // namespace duplex::transport
