// SPDX-License-Identifier: BSD-2-Clause
#include "transport/session_rules.hpp"

#include <duplex/version.hpp>

#include <algorithm>

namespace duplex::transport {

using clock = std::chrono::steady_clock;

error check_name(const std::string& service) {
  if (is_valid_name(service)) return {};
  return {errc::invalid_argument, "a service name is 1 to 255 letters, digits and . _ / @ -"};
}

error check_list(const std::vector<std::string>& list) {
  for (const auto& one : list)
    if (one.find('\0') != std::string::npos)
      return {errc::invalid_argument, "headers and trailers cannot hold a NUL, which C strings would cut: encode it"};
  return {};
}

std::string within(const options& settings, std::string_view limit) {
  return "within " + std::string{limit} + " (" + *get_option(settings, limit) + ')';
}

error no_parent() { return {errc::not_found, "its parent is no open channel of this session"}; }

error check_open(const std::string& service, std::size_t channels, std::uint64_t max_channels) {
  if (auto wrong = check_name(service)) return wrong;
  if (channels < max_channels) return {};
  return {errc::resource_exhausted, "the session has " + std::to_string(channels) + " channels (option max_channels)"};
}

error check_record(std::size_t size, std::uint64_t limit) {
  if (size <= limit) return {};
  return {errc::resource_exhausted, "its headers make an open record of " + std::to_string(size) +
                                        " bytes, over the limit of " + std::to_string(limit) +
                                        " (option max_open_record)"};
}

hello own_hello(const options& settings) {
  return {settings.name, instance_id(), std::string{"duplex "} + version, settings.max_frame, settings.max_open_record};
}

// Channels share what is known of the session, so it changes by replacement only.
std::shared_ptr<session_info> introduced(const session_info& about, const hello& said) {
  auto known = std::make_shared<session_info>(about);
  known->remote_name = said.name;
  known->instance = said.instance;
  known->version = printable(said.version);
  known->max_frame = said.max_frame;
  known->native = true;
  return known;
}

std::uint64_t ping_list::send() {
  const auto number = next_++;
  for (auto& each : waiting_)
    if (each.number == 0) each.number = number, each.sent = clock::now();
  return number;
}

void ping_list::answered(std::uint64_t number) {
  const auto at = std::find_if(waiting_.begin(), waiting_.end(), [&](const ping& p) { return p.number == number; });
  if (at == waiting_.end()) return;
  at->answer.deliver(std::chrono::nanoseconds{clock::now() - at->sent}.count());
  waiting_.erase(at);
}

void ping_list::fail(const error& why) {
  for (auto& each : std::exchange(waiting_, {})) each.answer.deliver(to_caf(why));
}

}  // namespace duplex::transport
