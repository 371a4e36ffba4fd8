// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/peer.hpp>

#include "tools/duplex/commands.hpp"

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
  std::printf("%s %s %s at %s\n", found->name.c_str(), found->fingerprint.c_str(), found->version.c_str(),
              found->address.c_str());
  for (unsigned i = 0; i < given.count; ++i) {
    const auto answer = self.ping();
    if (!answer) return fail(given.peer, answer.error(), failure);
    std::printf("round trip %.3f ms\n", static_cast<double>(answer->round_trip.count()) / 1e6);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace duplex::tools
