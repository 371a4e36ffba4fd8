// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/error.hpp>

#include <caf/response_promise.hpp>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace duplex::detail {

/// *Actor-bound.* Channels that wait for `accept`, or those who wait for channels; never both.
template <class Handle> class accept_queue {
 public:
  /// Why no channel can be taken, if so: `resource_exhausted` when `limit` wait already.
  [[nodiscard]] error check(std::uint64_t limit) const {
    if (!acceptors_.empty() || channels_.size() < limit) return {};
    return {errc::resource_exhausted,
            std::to_string(channels_.size()) + " channels wait to be accepted (option accept_queue)"};
  }
  void put(Handle channel) {
    if (acceptors_.empty()) return channels_.push_back(std::move(channel));
    acceptors_.front().deliver(std::move(channel));
    acceptors_.pop_front();
  }
  std::optional<Handle> next() {
    if (channels_.empty()) return std::nullopt;
    auto first = std::move(channels_.front());
    channels_.pop_front();
    return first;
  }
  void wait(caf::response_promise acceptor) { acceptors_.push_back(std::move(acceptor)); }
  [[nodiscard]] bool empty() const noexcept { return channels_.empty(); }
  /// Tells those who wait that nothing will come.
  void end(const caf::error& why) {
    for (auto& waiting : std::exchange(acceptors_, {})) waiting.deliver(why);
  }

 private:
  std::deque<Handle> channels_;
  std::deque<caf::response_promise> acceptors_;
};

}  // namespace duplex::detail
