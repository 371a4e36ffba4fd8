// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/endpoint.hpp>
#include <duplex/known_hosts.hpp>

#include "tools/duplex/commands.hpp"

#include <algorithm>
#include <cstdio>
#include <iostream>

namespace duplex::tools {
namespace {

bool agreed() {
  std::cout << "trust it? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes" || answer == "Yes" || answer == "YES";
}

}  // namespace

int trust(const trust_arguments& given) {
  const auto where = endpoint::parse(given.endpoint);
  if (!where) return fail({}, where.error(), usage);
  if (const auto valid = validate({.host_key = given.host_key}); !valid) return fail({}, valid.error(), usage);
  const auto shown = fetch_host_key(*where, options{}.connect_timeout);
  if (!shown) return fail({}, shown.error(), failure);
  const auto name = where->str();
  const auto type = shown->line.substr(0, shown->line.find(' '));
  std::cout << name << " shows " << shown->fingerprint << " (" << type << ")\n" << std::flush;
  if (!given.host_key.empty() && given.host_key != shown->fingerprint)
    return fail({}, name + " shows " + shown->fingerprint + ", not " + given.host_key + ": not trusted", failure);

  const auto listed = known_host_keys(given.known_hosts, *where);
  const auto same =
      std::find_if(listed.begin(), listed.end(), [&](const listed_host_key& l) { return l.key.line == shown->line; });
  if (same != listed.end()) {
    std::cout << "already trusted in " << same->file << '\n';
    return 0;
  }
  for (const auto& other : listed)
    std::cout << other.file << ':' << other.line << " lists another key of it: " << other.key.fingerprint
              << "; somebody may be in between, or the host has a new key\n";
  if (given.host_key.empty() && !agreed()) {
    std::cout << '\n' << std::flush;
    return fail({}, "not trusted", failure);
  }
  const auto done = trust_host(given.known_hosts, *where, *shown);
  if (!done) return fail({}, done.error(), failure);
  const auto* what = done->what == trusted_host::change::replaced ? "replaced in "
                     : done->what == trusted_host::change::added  ? "added to "
                                                                  : "already trusted in ";
  std::cout << what << done->file << '\n';
  return 0;
}

}  // namespace duplex::tools
