// SPDX-License-Identifier: BSD-2-Clause
#include "transport/known_hosts.hpp"

#include <duplex/percent.hpp>

#include "transport/key_lines.hpp"
#include "transport/ssh_ptr.hpp"

#include <sstream>

namespace duplex::transport {

result<void> check_host_key(const options& of, const endpoint& host, ssh_key shown) {
  const auto fingerprint = fingerprint_of(shown);
  if (!of.host_key.empty()) {
    if (of.host_key == fingerprint) return {};
    return {errc::host_key,
            host.str() + " shows " + fingerprint + ", but " + of.host_key + " is expected (option host_key)"};
  }
  const auto hosts = read_key_lines(of.known_hosts, "known_hosts");
  const auto name = percent_encode(host.str());
  std::istringstream lines{hosts.text};
  std::string line;
  bool listed = false;
  while (std::getline(lines, line)) {
    std::istringstream words{line};
    std::string where, type, base64;
    if (!(words >> where >> type) || where != name) continue;
    listed = true;
    if (words >> base64 && is_same_key(type, base64, shown)) return {};
  }
  const auto entry = "'" + name + ' ' + public_line_of(shown) + "'";
  if (listed)
    return {errc::host_key, host.str() + " shows another key than " + hosts.name + " lists: " + fingerprint +
                                "; somebody may be in between, or the host has a new key: then replace the line by " +
                                entry};
  return {errc::host_key, host.str() + " shows the unknown key " + fingerprint +
                              "; check it with its owner, then pass it as host_key or add to " + hosts.name +
                              " the line " + entry};
}

}  // namespace duplex::transport
