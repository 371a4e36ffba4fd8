// SPDX-License-Identifier: BSD-2-Clause
#include "tools/duplex/commands.hpp"
#include "tools/duplex/rpc_session.hpp"

#include <unistd.h>

namespace duplex::tools {

int health(const health_arguments& given) {
  const auto status = with_session(given.peer, given.endpoint, given.to, [&](const session& with) {
    const auto there = with.self.use<rpc::health>(with.remote, by_json);
    const auto show = [](const std::string& now) { return write_all(STDOUT_FILENO, now + '\n'); };
    if (given.watch) {
      for (const auto& now : there.watch(given.service, {.deadline = rpc::infinite}))
        if (!show(now)) break;
      return failure;  // it goes on as long as somebody watches
    }
    const auto now = there.check(given.service).get();
    return show(now) && now == "serving" ? 0 : failure;
  });
  return status == 0 || status == usage ? status : failure;
}

}  // namespace duplex::tools
