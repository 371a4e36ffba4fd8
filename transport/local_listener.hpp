// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "transport/inproc_names.hpp"
#include "transport/listener.hpp"

namespace duplex::transport {

/// *Actor, pinned.* As `listener`, at a name within the process. Messages: (bind_atom) -> endpoint, once; (plan_atom,
/// plan); (accept_atom, inproc_end_ptr): a dialler has come. Ends when told to, freeing the name, not the sessions.
class local_listener final : public detail::pinned_actor<caf::event_based_actor> {
 public:
  local_listener(caf::actor_config& config, detail::worker* home, endpoint where, session_plan_ptr plan);

  caf::behavior make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "duplex.local_listener"; }

 private:
  caf::result<endpoint> bind();

  const endpoint where_;
  session_plan_ptr plan_;
  std::shared_ptr<inproc_name> name_;
};

}  // namespace duplex::transport
