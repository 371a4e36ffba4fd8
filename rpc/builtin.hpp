// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/pipe.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace duplex::rpc::detail {

class rpc_core;

/// *Any thread.* How the services do, and who watches.
class health_board {
 public:
  void set(std::string_view service, bool serving);
  /// "serving" or "not_serving".
  [[nodiscard]] std::string of(const std::string& service) const;
  /// What it says now, and each change.
  stream<std::string> watch(const std::string& service);

 private:
  [[nodiscard]] std::string said(const std::string& service) const;
  void forget(const sink<std::string>& out);

  // For `watch` and `set`, which no mailbox orders; held to look at the two lists.
  mutable std::mutex mutex_;
  std::map<std::string, bool, std::less<>> said_;
  std::vector<std::pair<std::string, sink<std::string>>> watchers_;
};

/// Serves duplex.Reflection, duplex.Health and duplex.Peer.
void serve_builtin(const std::shared_ptr<rpc_core>& core);

}  // namespace duplex::rpc::detail
