// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/options.hpp>

#include "runtime/pinned.hpp"
#include "transport/file_watch.hpp"
#include "transport/messages.hpp"

#include <caf/event_based_actor.hpp>

#include <optional>

namespace duplex::transport {

/// *Actor, pinned.* Reads the access list when asked to, by `(access_atom)`, which it answers, and from then on
/// whenever its file changes and when a line expires; logs what is wrong with it, and sends `(access_atom,
/// authorized_keys_ptr)` to the peer. Ends with the peer, or when told to.
class access_watch final : public detail::pinned_actor<caf::event_based_actor> {
 public:
  access_watch(caf::actor_config& config, detail::worker* home, caf::actor peer,
               std::shared_ptr<const options> settings);

  caf::behavior make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "duplex.access"; }

 private:
  void load();
  void expect_expiry();
  void load_again(std::chrono::milliseconds in);
  std::string nobody(const authorized_keys& list) const;
  void log(const std::string& text) const;

  caf::actor peer_;
  std::shared_ptr<const options> settings_;
  authorized_keys_ptr list_;
  std::optional<file_watch> watch_;
  boost::asio::steady_timer later_;
  std::vector<std::string> told_;
};

}  // namespace duplex::transport
