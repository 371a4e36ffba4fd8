// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/endpoint.hpp>
#include <duplex/known_hosts.hpp>

#include "tools/duplex/commands.hpp"

#include <unistd.h>

#include <algorithm>
#include <iostream>

namespace duplex::tools {
namespace {

bool say(const std::string& text) { return write_all(STDOUT_FILENO, text); }

bool agreed() {
  say("trust it? [y/N] ");
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
  say(name + " shows " + shown->fingerprint + " (" + type + ")\n");
  if (!given.host_key.empty() && given.host_key != shown->fingerprint)
    return fail({}, name + " shows " + shown->fingerprint + ", not " + given.host_key + ": not trusted", failure);

  const auto listed = known_host_keys(given.known_hosts, *where);
  const auto same =
      std::find_if(listed.begin(), listed.end(), [&](const listed_host_key& l) { return l.key.line == shown->line; });
  if (same != listed.end()) {
    return say("already trusted in " + same->file + '\n') ? 0 : failure;
  }
  for (const auto& other : listed)
    say(other.file + ':' + std::to_string(other.line) + " lists another key of it: " + other.key.fingerprint +
        "; somebody may be in between, or the host has a new key\n");
  if (given.host_key.empty() && !agreed()) {
    say("\n");
    return fail({}, "not trusted", failure);
  }
  const auto done = trust_host(given.known_hosts, *where, *shown);
  if (!done) return fail({}, done.error(), failure);
  const std::string what = done->what == trusted_host::change::replaced ? "replaced in "
                           : done->what == trusted_host::change::added  ? "added to "
                                                                        : "already trusted in ";
  return say(what + done->file + '\n') ? 0 : failure;
}

}  // namespace duplex::tools
