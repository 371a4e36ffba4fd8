// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/handles.hpp>

#include <memory>
#include <vector>

namespace duplex::rpc::detail {

class link;

/// What one message carries beside data. Thread: one at a time.
class call_handles final : public handles {
 public:
  explicit call_handles(std::shared_ptr<link> on) : on_(std::move(on)) {}
  /// The same; keeps something until they were followed.
  call_handles(std::shared_ptr<link> on, std::vector<channel> arrived, std::shared_ptr<void> kept)
      : on_(std::move(on)), kept_(std::move(kept)), channels_(std::move(arrived)) {}
  /// Of a message that arrived with those channels.
  call_handles(std::shared_ptr<link> on, std::vector<channel> arrived)
      : on_(std::move(on)), channels_(std::move(arrived)) {}

  lent lend(const servable_ptr& what, const route_ptr& where) override;
  route_ptr borrow(std::uint64_t id) override;
  servable_ptr own(std::uint64_t id) override;
  std::uint64_t send(const channel& what) override;
  channel receive(std::uint64_t place) override;

  /// Whether the message needs a channel of its own.
  [[nodiscard]] bool used() const noexcept { return used_; }
  [[nodiscard]] const std::vector<channel>& channels() const noexcept { return channels_; }
  /// The message was not sent, or not seen: what it lent is taken back, and it lends no more.
  void roll_back();

 private:
  const std::shared_ptr<link> on_;  // null where there is no call channel
  std::shared_ptr<void> kept_;
  std::vector<std::uint64_t> lent_;
  std::vector<route_ptr> given_back_;  // not to be released before the owner has them
  std::vector<channel> channels_;
  bool used_ = false, over_ = false;
};

}  // namespace duplex::rpc::detail
