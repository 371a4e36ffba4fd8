// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <caf/detail/simple_actor_clock.hpp>

#include <cstdint>
#include <mutex>

namespace duplex::detail {

class worker;

/// CAF's clock on one Asio timer. The timer is armed lazily: only an event due before the pending wake-up touches it,
/// and a cancelled event never does,
/// except that the last one on an application's io_context lets its run() return. Thread: any.
class clock final : public caf::detail::simple_actor_clock {
 public:
  /// Time-outs fire on `where`, which must outlive the clock.
  explicit clock(worker& where);

  void set_ordinary_timeout(time_point due, caf::abstract_actor* self, caf::atom_value type, uint64_t id) override;
  void set_multi_timeout(time_point due, caf::abstract_actor* self, caf::atom_value type, uint64_t id) override;
  void set_request_timeout(time_point due, caf::abstract_actor* self, caf::message_id id) override;
  void cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) override;
  void cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) override;
  void cancel_timeouts(caf::abstract_actor* self) override;
  void schedule_message(time_point due, caf::strong_actor_ptr receiver, caf::mailbox_element_ptr content) override;
  void schedule_message(time_point due, caf::group target, caf::strong_actor_ptr sender, caf::message content) override;
  void cancel_all() override;

  /// Forgets the time limits of requests whose actors nothing else refers to, so that these end. CAF keeps the limit of
  /// a request that was answered; one that was not has its actor in the request or its promise.
  void release_unreachable();
  /// Drops every event and takes no more.
  void shutdown();
  /// Whether a handler that refers to this clock is still with the io_context.
  bool has_handlers_pending();
  /// How often the timer was armed.
  std::uint64_t arms();

 private:
  void rearm();   // mutex_ held
  void disarm();  // mutex_ held
  void fire();

  worker& worker_;
  std::mutex mutex_;  // guards what follows, and the base class
  boost::asio::steady_timer timer_;
  time_point armed_at_{};
  bool armed_ = false;
  bool down_ = false;
  std::size_t waits_ = 0;
  std::uint64_t arms_ = 0;
};

}  // namespace duplex::detail
