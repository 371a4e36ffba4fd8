// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "transport/listener.hpp"

namespace duplex::transport {

/// *Actor, pinned.* Makes one acceptor session on what this process inherited: its stdin and stdout, or a connected
/// socket. Messages: (bind_atom) -> endpoint, once. Ends with the session, or when told to, and leaves the session
/// alone.
class single_acceptor final : public detail::pinned_actor<caf::event_based_actor> {
 public:
  single_acceptor(caf::actor_config& config, detail::worker* home, endpoint where, session_plan_ptr plan,
                  authorized_keys_ptr admitted);

  caf::behavior make_behavior() override;
  const char* name() const override { return "duplex.acceptor"; }

 private:
  result<unique_fd> take();
  result<unique_fd> join(unique_fd in, unique_fd out);

  endpoint where_;
  session_plan_ptr plan_;
  authorized_keys_ptr admitted_;
  caf::actor pump_;                 // between two descriptors and the session's socket, until it has ended
  std::optional<caf::error> over_;  // the session is, with that reason
};

/// The actor that answers (bind_atom) for that endpoint: a listener, or for stdio: and a connected fd: a
/// single_acceptor. `admitted`: who may connect, instead of the options' list; null for that list.
caf::actor spawn_acceptor(caf::actor_system& system, const endpoint& where, session_plan_ptr plan,
                          authorized_keys_ptr admitted);

}  // namespace duplex::transport
