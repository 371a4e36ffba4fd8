// SPDX-License-Identifier: BSD-2-Clause
#include "rpc/living.hpp"

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>

#include <utility>

namespace duplex::rpc::detail {

std::shared_ptr<living> living::of(const std::vector<channel>& these) {
  auto made = std::make_shared<living>();
  made->count_ = these.size();
  for (const auto& one : these)
    caf::actor_cast<caf::actor>(one.actor())->attach_functor([made](const caf::error&) { made->ended(); });
  return made;
}

bool living::none(waker wake) {
  std::lock_guard lock{mutex_};
  if (count_ != 0 && wake) wakers_.push_back(std::move(wake));
  return count_ == 0;
}

void living::ended() {
  std::unique_lock lock{mutex_};
  if (--count_ != 0) return;
  const auto wakers = std::exchange(wakers_, {});
  lock.unlock();
  for (const auto& wake : wakers) wake();
}

task<void> all_ended(std::shared_ptr<living> these) {
  auto done = until([these](waker wake) { return these->none(std::move(wake)); });
  co_await std::move(done);
}

task<void> closed_there(channel ch) {
  for (;;) {
    const auto unwanted = co_await ch.async_accept();
    if (!unwanted) co_return;
  }
}

task<void> send_channels(channel over, std::vector<channel> these) {
  for (const auto& one : these) {
    const auto sent = co_await over.async_send(one);
    if (!sent) throw failure{rpc::status{sent.error()}};
  }
}

task<std::vector<channel>> take_channels(channel from, std::uint64_t count) {
  std::vector<channel> came;
  while (came.size() < count) {
    auto one = co_await from.async_accept();
    if (!one) break;
    came.push_back(std::move(*one));
  }
  co_return came;
}

}  // namespace duplex::rpc::detail
