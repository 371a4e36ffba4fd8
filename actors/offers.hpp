// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <caf/actor.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace duplex::detail {

/// *Value.* A session whose stock client offers a service (ssh -R), under that port.
struct offer {
  caf::actor session;
  std::uint16_t port;
  friend bool operator==(const offer&, const offer&) = default;
};

/// *Value.* The services that stock clients offer; several offers of a name take turns.
class offers {
 public:
  void add(const std::string& name, offer by);
  /// False when there was no such offer.
  bool remove(const std::string& name, const offer& by);
  /// All of a session that ended. False when it had none.
  bool remove(const caf::actor& session);
  [[nodiscard]] bool contains(std::string_view name) const { return names_.contains(name); }
  /// Whose turn it is; nothing when nobody offers that name.
  std::optional<offer> next(std::string_view name);
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  std::map<std::string, std::vector<offer>, std::less<>> names_;  // whose turn it is comes first
};

}  // namespace duplex::detail
