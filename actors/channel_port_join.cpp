// SPDX-License-Identifier: BSD-2-Clause
// How the port gives its channel away: to a relay, with what it has read ahead.
#include "actors/channel_port.hpp"

#include "actors/channel_state.hpp"
#include "actors/descriptor_relay.hpp"
#include "actors/sending.hpp"

#include <caf/actor_cast.hpp>

namespace duplex::detail {

// What the relay gets: the channel, to be closed by it, and what this port has read ahead.
relay_end channel_port::give_away() {
  std::lock_guard lock{mutex_};
  flush_locked();
  disowned_ = write_ended_ = trailers_written_ = true;
  auto unread = inbox_.take_all();
  return {actor_, std::move(unread), std::exchange(errors_, {}), inbox_.take_credit()};
}

void channel_port::join(channel_port& other, completion_ptr<void> done) {
  if (has_stopped() || other.has_stopped()) return done->complete({errc::closed, "the runtime has ended"});
  await_join(home_system().spawn<relay>(give_away(), other.give_away()), std::move(done));
}

void channel_port::join(const descriptor& with, completion_ptr<void> done) {
  if (has_stopped()) return done->complete({errc::closed, "the runtime has ended"});
  if (home_ == nullptr) return done->complete({errc::unsupported, "join: this channel's actor has no worker"});
  await_join(home_system().spawn<descriptor_relay>(home_, give_away(), with), std::move(done));
}

void channel_port::await_join(const caf::actor& by, completion_ptr<void> done) {
  watch(caf::actor_cast<caf::strong_actor_ptr>(by),
        [done = std::move(done), keep = caf::intrusive_ptr<channel_port>{this}](const caf::error& reason) mutable {
          done->complete(join_outcome(reason));
        });
}

// Describes it, opens a child like it, and joins the two: only then `what` is given away.
void channel_port::send_channel(std::shared_ptr<channel_state> what, completion_ptr<void> done) {
  struct joining final : completion<void> {
    void complete(result<void>) override {}  // what comes later is told to both ends by the relay
  };
  struct opening final : completion<channel> {
    opening(std::shared_ptr<channel_state> w, completion_ptr<void> d) : what(std::move(w)), done(std::move(d)) {}
    void complete(result<channel> child) override {
      if (!child) return done->complete(child.error());
      child->state()->port->join(*what->port, std::make_unique<joining>());
      done->complete({});
    }
    std::shared_ptr<channel_state> what;
    completion_ptr<void> done;
  };
  struct describing final : completion<meta> {
    describing(caf::intrusive_ptr<channel_port> p, std::shared_ptr<channel_state> w, completion_ptr<void> d)
        : over(std::move(p)), what(std::move(w)), done(std::move(d)) {}
    void complete(result<meta> about) override {
      if (!about) return done->complete(about.error());
      over->ask(completion_ptr<channel>{std::make_unique<opening>(std::move(what), std::move(done))}, open_atom_v,
                about->service, relayed_headers(*about));
    }
    caf::intrusive_ptr<channel_port> over;
    std::shared_ptr<channel_state> what;
    completion_ptr<void> done;
  };
  auto& port = *what->port;
  port.describe(std::make_unique<describing>(caf::intrusive_ptr<channel_port>{this}, std::move(what), std::move(done)));
}

}  // namespace duplex::detail
