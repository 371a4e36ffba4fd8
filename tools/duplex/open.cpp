// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/peer.hpp>
#include <duplex/percent.hpp>

#include "tools/duplex/commands.hpp"
#include "tools/duplex/transfer.hpp"

#include <unistd.h>

namespace duplex::tools {

int open(const open_arguments& given) {
  const auto settings = peer_options(given.peer, false);
  if (!settings) return fail(given.peer, settings.error(), usage);
  if (const auto where = endpoint::parse(given.endpoint); !where) return fail(given.peer, where.error(), usage);

  runtime rt{{.workers = 1}};
  auto self = rt.spawn_peer(*settings);
  if (const auto there = self.connect(given.endpoint); !there)
    return fail(given.peer, there.error(), transport_failure);
  auto ch = self.open(given.to, given.service, given.headers);
  if (!ch) return fail(given.peer, ch.error(), transport_failure);

  const auto last = transfer{std::move(*ch), given.frames, settings->max_frame}.run();
  if (!last) {
    // Nobody reads our output any more: as ssh, say nothing.
    return last.error().context().empty() ? transport_failure : fail(given.peer, last.error(), transport_failure);
  }
  if (!given.trailers) return say_end(given.peer, *last);
  for (const auto& item : *last) write_all(STDERR_FILENO, printable(item) + '\n');
  return status_of(*last);
}

}  // namespace duplex::tools
