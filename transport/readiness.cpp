// SPDX-License-Identifier: BSD-2-Clause
#include "transport/readiness.hpp"

#include "transport/messages.hpp"

#include <sys/epoll.h>
#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <array>
#include <cerrno>
#include <cstring>

namespace duplex::detail {
namespace {

constexpr std::uint32_t to_read = EPOLLIN | EPOLLRDHUP | EPOLLET, to_write = EPOLLOUT | EPOLLET;
constexpr std::uint32_t ended = EPOLLHUP | EPOLLERR;

// The descriptor's number is what comes back with the event.
bool control(int set, int how, const descriptor_end& end, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = end.fd.get();
  return ::epoll_ctl(set, how, end.fd.get(), &event) == 0;
}

}  // namespace

readiness::readiness(worker& on) : on_(on), set_(on.context()) {}

error readiness::start(const caf::strong_actor_ptr& whom, const descriptor_ends& of) {
  of_ = &of;
  if (!of.in().is_polled && !of.out().is_polled) return {};
  transport::unique_fd set{::epoll_create1(EPOLL_CLOEXEC)};
  boost::system::error_code failed;
  if (!set || (of.in().is_polled && !control(set.get(), EPOLL_CTL_ADD, of.in(), to_read)) ||
      (&of.in() != &of.out() && of.out().is_polled && !control(set.get(), EPOLL_CTL_ADD, of.out(), EPOLLET)))
    failed.assign(errno, boost::system::system_category());
  if (!failed) set_.assign(set.get(), failed);
  if (failed) return {errc::io, "join: epoll: " + failed.message()};
  (void)set.release();
  wait(whom);
  return {};
}

// Changing the events asks for their state, too: room that came meanwhile is told.
void readiness::want_room(bool yes) {
  if (std::exchange(wants_room_, yes) == yes || !set_.is_open() || !of_->out().is_polled) return;
  const bool one = &of_->in() == &of_->out();
  control(set_.native_handle(), EPOLL_CTL_MOD, of_->out(), (one ? to_read : EPOLLET) | (yes ? to_write : 0));
}

void readiness::close() {
  boost::system::error_code ignored;
  set_.close(ignored);
}

void readiness::wait(const caf::strong_actor_ptr& whom) {
  set_.async_wait(set_.wait_read, [this, whom](const boost::system::error_code& failed) {
    if (failed) return;
    run_scope turn{on_};
    std::array<epoll_event, 2> events{};
    const int count = ::epoll_wait(set_.native_handle(), events.data(), static_cast<int>(events.size()), 0);
    bool read = false, written = false;
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      const bool is_out = event.data.fd == of_->out().fd.get();
      read |= event.data.fd == of_->in().fd.get() && (event.events & (to_read | ended)) != 0;
      written |= is_out && wants_room_ && (event.events & (to_write | ended)) != 0;
    }
    if (read || written) caf::anon_send(caf::actor_cast<caf::actor>(whom), ready_atom_v, read, written);
    wait(whom);
  });
}

}  // namespace duplex::detail
