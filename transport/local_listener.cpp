// SPDX-License-Identifier: BSD-2-Clause
#include "transport/local_listener.hpp"

#include "runtime/scheduler.hpp"
#include "transport/local_session.hpp"

namespace duplex::transport {

local_listener::local_listener(caf::actor_config& config, detail::worker* home, endpoint where, session_plan_ptr plan)
    : pinned_actor(config, home), where_(std::move(where)), plan_(std::move(plan)) {}

caf::behavior local_listener::make_behavior() {
  monitor(plan_->peer);
  set_down_handler([this](const caf::down_msg& gone) { quit(gone.reason); });
  return {
      [this](bind_atom) { return bind(); },
      [this](plan_atom, session_plan_ptr& plan) { plan_ = std::move(plan); },
      [this](accept_atom, inproc_end_ptr& caller) {
        session_info about;
        about.address = where_.str();
        spawn_local_session(system(), *plan_, side::acceptor, std::move(caller), std::move(about), nullptr);
      },
  };
}

caf::result<endpoint> local_listener::bind() {
  name_ = inproc_name::claim(where_.target(), caf::actor_cast<caf::actor>(this));
  if (!name_)
    return to_caf({errc::address_in_use,
                   "bind '" + where_.str() + "': another peer of this process listens there; choose another name"});
  detail::scheduler::of(system()).at_stop(name_);
  if (plan_->settings->log) plan_->settings->log({log_record::level::info, "listener", where_.str() + ": listening"});
  return where_;
}

void local_listener::on_exit() {
  if (name_) name_->release();
  demonitor(plan_->peer);
  plan_ = nullptr;
}

}  // namespace duplex::transport
