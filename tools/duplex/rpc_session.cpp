// SPDX-License-Identifier: BSD-2-Clause
#include "tools/duplex/rpc_session.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace duplex::tools {

int with_session(const peer_arguments& given, const std::string& endpoint, const std::string& to,
                 const std::function<int(const session& with)>& then) {
  const auto settings = peer_options(given, false);
  if (!settings) return fail(given, settings.error(), usage);
  if (const auto where = endpoint::parse(endpoint); !where) return fail(given, where.error(), usage);

  runtime rt{{.workers = 1}};
  rpc::peer self{rt.spawn_peer(*settings)};
  const auto there = self.connect(endpoint);
  if (!there) return fail(given, there.error(), transport_failure);
  if (!to.empty() && there->name != to)
    return fail(given, {errc::not_connected, "the peer there claims the name '" + there->name + "', not '" + to + '\''},
                transport_failure);
  try {
    return then({self, there->name, settings->max_frame});
  } catch (const rpc::failure& why) {
    return fail(given, why.what(), static_cast<int>(why.code()));
  }
}

result<std::chrono::milliseconds> parse_deadline(std::string_view text) {
  using std::chrono::milliseconds;
  if (text == "none") return rpc::infinite;
  constexpr std::array<std::pair<std::string_view, std::uint32_t>, 4> units{
      {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}};
  std::uint32_t count = 0;
  const auto [at, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  const auto unit = text.substr(static_cast<std::size_t>(at - text.data()));
  for (const auto& [name, size] : units)
    if (failed == std::errc{} && unit == name) return milliseconds{std::uint64_t{count} * size};
  return {errc::invalid_argument, "--deadline '" + std::string{text} + "' is no time: 500ms, 2s, 1m, or none"};
}

}  // namespace duplex::tools
