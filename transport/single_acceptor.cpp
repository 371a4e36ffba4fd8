// SPDX-License-Identifier: BSD-2-Clause
#include "transport/single_acceptor.hpp"

#include "runtime/scheduler.hpp"
#include "transport/descriptor_pump.hpp"
#include "transport/inherited.hpp"
#include "transport/local_listener.hpp"
#include "transport/local_socket.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace duplex::transport {

single_acceptor::single_acceptor(caf::actor_config& config, detail::worker* home, endpoint where, session_plan_ptr plan,
                                 authorized_keys_ptr admitted)
    : pinned_actor(config, home), where_(std::move(where)), plan_(std::move(plan)), admitted_(std::move(admitted)) {}

caf::behavior single_acceptor::make_behavior() {
  set_down_handler([this](const caf::down_msg& gone) {
    if (pump_ && gone.source == pump_)
      pump_ = nullptr;
    else
      over_ = gone.reason;
    if (over_ && !pump_) quit(*over_);  // the last words are out: the program may end on hearing that
  });
  return {
      [this](bind_atom) -> caf::result<endpoint> {
        auto socket = take();
        if (!socket) {
          quit(caf::exit_reason::user_shutdown);
          return to_caf({socket.error().code(), "bind '" + where_.str() + "': " + socket.error().context()});
        }
        session_info about;
        about.address = about.link = where_.str();
        if (where_.type() == endpoint::kind::fd) about.process = remote_process(socket->get());
        monitor(
            spawn_session(system(), *plan_, side::acceptor, std::move(*socket), std::move(about), nullptr, admitted_));
        return where_;
      },
      [](plan_atom, const session_plan_ptr&) {},  // the session has what it was made from
  };
}

result<unique_fd> single_acceptor::take() {
  if (where_.type() == endpoint::kind::fd) return take_connected(where_.number());
  auto streams = take_standard_streams();
  if (!streams) return streams.error();
  if (!streams->out) return std::move(streams->in);
  return join(std::move(streams->in), std::move(streams->out));
}

result<unique_fd> single_acceptor::join(unique_fd in, unique_fd out) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return {errc::io, std::string{"socketpair: "} + std::strerror(errno)};
  unique_fd near{ends[0]}, far{ends[1]};
  enlarge_send_buffer(far.get());
  pump_ = system().spawn<descriptor_pump>(&detail::scheduler::of(system()).next(), std::move(in), std::move(out),
                                          std::move(far), plan_->settings->linger);
  monitor(pump_);
  return near;
}

caf::actor spawn_acceptor(caf::actor_system& system, const endpoint& where, session_plan_ptr plan,
                          authorized_keys_ptr admitted) {
  auto* home = &detail::scheduler::of(system).next();
  if (where.type() == endpoint::kind::inproc) return system.spawn<local_listener>(home, where, std::move(plan));
  const bool single =
      where.type() == endpoint::kind::stdio || (where.type() == endpoint::kind::fd && !is_listening(where.number()));
  if (single) return system.spawn<single_acceptor>(home, where, std::move(plan), std::move(admitted));
  return system.spawn<listener>(home, where, std::move(plan), std::move(admitted));
}

}  // namespace duplex::transport
