// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/interceptor.hpp>

#include <memory>
#include <mutex>
#include <vector>

namespace duplex::rpc::detail {

/// *Any thread.* The interceptors of one call, in the order in which they were added; the last one is nearest to the
/// wire. The mutex is held while they run: objects of both ways and the end come on several threads, and each
/// interceptor is promised one at a time.
class interceptors {
 public:
  interceptors() = default;
  explicit interceptors(const std::vector<interceptor_factory>& from);

  /// Throws what one of them throws: the call is refused then.
  void open(call_info& of);
  void object(direction way, std::string_view encoded);
  /// Once; later ones do nothing.
  void close(const status& with) noexcept;
  [[nodiscard]] bool empty() const noexcept { return shared_ == nullptr; }

 private:
  struct shared {
    std::mutex mutex;
    std::vector<std::unique_ptr<interceptor>> all;
  };
  std::unique_ptr<shared> shared_;  // null without any
};

}  // namespace duplex::rpc::detail
