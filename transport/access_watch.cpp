// SPDX-License-Identifier: BSD-2-Clause
#include "transport/access_watch.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <filesystem>

namespace duplex::transport {
namespace {

constexpr auto longest_wait = std::chrono::hours{1};  // the wall clock may be set meanwhile

}  // namespace

access_watch::access_watch(caf::actor_config& config, detail::worker* home, caf::actor peer,
                           std::shared_ptr<const options> settings)
    : pinned_actor(config, home), peer_(std::move(peer)), settings_(std::move(settings)), later_(home->context()) {}

caf::behavior access_watch::make_behavior() {
  monitor(peer_);
  set_down_handler([this](const caf::down_msg& gone) { quit(gone.reason); });
  return {[this](access_atom) { load(); }};
}

void access_watch::on_exit() {
  watch_.reset();
  later_.cancel();
  demonitor(peer_);
  peer_ = nullptr;
}

void access_watch::log(const std::string& text) const {
  if (settings_->log) settings_->log({log_record::level::warning, "access", text});
}

std::string access_watch::nobody(const authorized_keys& list) const {
  if (!list.is_file()) return "nobody can log in: " + list.name() + " admits no key";
  std::error_code ignored;
  const auto* why = list.readable()                                 ? " admits no key"
                    : std::filesystem::exists(list.name(), ignored) ? " cannot be read"
                                                                    : " does not exist";
  return "nobody can log in: " + list.name() + why + "; admit one with: " + list.allow_command() + " KEY.pub";
}

void access_watch::load() {
  auto fresh = std::make_shared<const authorized_keys>(authorized_keys::load(*settings_));
  if (!watch_ && fresh->is_file()) {
    // The handlers of a watch that is gone do nothing, and it goes with this actor.
    watch_.emplace(home()->context(), fresh->name(), [this] {
      detail::run_scope turn{*home()};
      caf::anon_send(caf::actor_cast<caf::actor>(this), access_atom_v);
    });
    if (auto started = watch_->start(); !started)
      log(fresh->name() + " is not watched: changes count for new logins only: " + started.error().context());
    // What changed between the reading and the watching is read now.
    fresh = std::make_shared<const authorized_keys>(authorized_keys::load(*settings_));
  }
  if (fresh->is_unknown() && list_) {  // no reason to end all sessions
    log(fresh->name() + " cannot be read for now; what it said before counts");
    return load_again(std::chrono::seconds{1});
  }
  std::vector<std::string> wrong = fresh->problems();
  if (fresh->admits_nobody()) wrong.push_back(nobody(*fresh));
  for (const auto& text : wrong)
    if (std::find(told_.begin(), told_.end(), text) == told_.end()) log(text);
  told_ = std::move(wrong);
  list_ = std::move(fresh);
  caf::anon_send(peer_, access_atom_v, list_);
  expect_expiry();
}

// Sessions of a key end when its line does, as when it is taken out.
void access_watch::expect_expiry() {
  const auto now = std::chrono::system_clock::now();
  const auto next = list_->next_expiry(now);
  if (!next) return;
  const bool soon = *next - now < longest_wait;  // which may be the end of time: nothing is added to it
  load_again(soon ? std::chrono::duration_cast<std::chrono::milliseconds>(*next - now) + std::chrono::milliseconds{1}
                  : std::chrono::milliseconds{longest_wait});
}

void access_watch::load_again(std::chrono::milliseconds in) {
  later_.expires_after(in);
  later_.async_wait([self = caf::strong_actor_ptr{ctrl()}, this](const boost::system::error_code& cancelled) {
    detail::run_scope turn{*home()};
    if (!cancelled) caf::anon_send(caf::actor_cast<caf::actor>(self), access_atom_v);
  });
}

}  // namespace duplex::transport
