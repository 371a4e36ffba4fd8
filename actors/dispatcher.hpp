// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace duplex::detail {

/// *Value.* Round robin over the remote peers that are alive: the only place where turns are taken.
class dispatcher {
 public:
  /// A newcomer is asked last in the current round. Adding twice changes nothing.
  void add(std::string_view name);
  void remove(std::string_view name);
  /// Whose turn it is; nothing when there is nobody.
  std::optional<std::string> next();

 private:
  std::vector<std::string> names_;
  std::size_t turn_ = 0;
};

}  // namespace duplex::detail
