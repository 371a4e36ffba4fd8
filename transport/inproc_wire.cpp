// SPDX-License-Identifier: BSD-2-Clause
#include "transport/inproc_wire.hpp"

#include <iterator>
#include <mutex>

namespace duplex::transport {

// One direction, with what its receiver has asked for.
struct inproc_end::lane {
  std::mutex mutex;  // guards what follows
  std::vector<wire::event> waiting;
  std::function<void()> wake;
  bool over = false;  // its receiver is gone
  bool told = false;  // that its sender is gone

  // The mutex is held.
  void wake_once(bool was_empty) {
    if (was_empty && wake) wake();
  }
};

std::pair<inproc_end_ptr, inproc_end_ptr> inproc_end::make_pair(const void* maker) {
  const auto one = std::make_shared<lane>(), other = std::make_shared<lane>();
  // The constructor is private, so that both ends of a wire exist.
  const auto make = [maker](const auto& in, const auto& out) {
    return inproc_end_ptr{std::unique_ptr<inproc_end>{new inproc_end{in, out, maker}}};
  };
  return {make(one, other), make(other, one)};
}

void inproc_end::attach(std::function<void()> wake) {
  std::lock_guard lock{in_->mutex};
  if (in_->over) return;
  in_->wake = std::move(wake);
  in_->wake_once(!in_->waiting.empty());
}

void inproc_end::send(std::vector<wire::event>& events) {
  if (events.empty()) return;
  {
    std::lock_guard lock{out_->mutex};
    if (!out_->over) {
      const bool was_empty = out_->waiting.empty();
      if (was_empty)
        out_->waiting.swap(events);
      else
        std::move(events.begin(), events.end(), std::back_inserter(out_->waiting));
      out_->wake_once(was_empty);
    }
  }
  events.clear();
}

void inproc_end::take(std::vector<wire::event>& into) {
  std::lock_guard lock{in_->mutex};
  if (into.empty()) return into.swap(in_->waiting);
  std::move(in_->waiting.begin(), in_->waiting.end(), std::back_inserter(into));
  in_->waiting.clear();
}

void inproc_end::leave() noexcept {
  std::vector<wire::event> dropped;  // freed when the lock is
  std::function<void()> forgotten;
  {
    std::lock_guard lock{in_->mutex};
    in_->over = true;
    dropped.swap(in_->waiting);
    forgotten.swap(in_->wake);
  }
  std::lock_guard lock{out_->mutex};
  if (out_->over || std::exchange(out_->told, true)) return;
  const bool was_empty = out_->waiting.empty();
  out_->waiting.emplace_back(wire::gone{});
  out_->wake_once(was_empty);
}

}  // namespace duplex::transport
