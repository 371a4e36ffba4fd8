// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/peer.hpp>

#include "tools/duplex/commands.hpp"

#include <unistd.h>

#include <cstdio>

namespace duplex::tools {

int ping(const ping_arguments& given) {
  const auto settings = peer_options(given.peer, false);
  if (!settings) return fail(given.peer, settings.error(), usage);
  if (const auto where = endpoint::parse(given.endpoint); !where) return fail(given.peer, where.error(), usage);

  runtime rt{{.workers = 1}};
  auto self = rt.spawn_peer(*settings);
  const auto found = self.connect(given.endpoint);
  if (!found) return fail(given.peer, found.error(), failure);
  if (!write_all(STDOUT_FILENO,
                 found->name + ' ' + found->fingerprint + ' ' + found->version + " at " + found->address + '\n'))
    return failure;
  for (unsigned i = 0; i < given.count; ++i) {
    const auto answer = self.ping();
    if (!answer) return fail(given.peer, answer.error(), failure);
    char line[64];
    std::snprintf(line, sizeof line, "round trip %.3f ms\n", static_cast<double>(answer->round_trip.count()) / 1e6);
    if (!write_all(STDOUT_FILENO, line)) return failure;
  }
  return 0;
}

}  // namespace duplex::tools
