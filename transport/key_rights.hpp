// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rights.hpp>

#include "transport/authorized_keys.hpp"

#include <mutex>

namespace duplex::transport {

/// Of a remote side that no list is asked about. Thread: any.
rights every_service();

/// *Any thread.* What the key of a session's remote side may open: the session follows the list, everybody asks.
class key_rights final : public rights::rule {
 public:
  /// From now on; nothing at all when null, as in the beginning.
  void follow(permissions_ptr may);
  [[nodiscard]] bool may_open(std::string_view service) const override;

 private:
  // For the answer to a question that cannot be a message, because its asker does not wait. Held for a look at a list
  // of patterns; the session takes it once per change of the list.
  mutable std::mutex mutex_;
  permissions_ptr may_;
};

}  // namespace duplex::transport
