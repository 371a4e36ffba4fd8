// SPDX-License-Identifier: BSD-2-Clause
#include "transport/key_rights.hpp"

#include "transport/hello.hpp"

namespace duplex::transport {
namespace {

constexpr unsigned port = 1;  // as a peer's opens say

bool is_service(std::string_view name) { return is_valid_name(name) && name != control_service; }

class no_list final : public rights::rule {
 public:
  [[nodiscard]] bool may_open(std::string_view service) const override { return is_service(service); }
};

}  // namespace

rights every_service() { return rights{std::make_shared<no_list>()}; }

void key_rights::follow(permissions_ptr may) {
  const std::lock_guard lock{mutex_};
  may_.swap(may);
}

bool key_rights::may_open(std::string_view service) const {
  if (!is_service(service)) return false;
  const std::lock_guard lock{mutex_};
  return may_ && may_->may_open(service, port);
}

}  // namespace duplex::transport
