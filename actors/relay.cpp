// SPDX-License-Identifier: BSD-2-Clause
#include "actors/relay.hpp"

#include "actors/sending.hpp"

#include "actors/channel_actor.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

namespace duplex::detail {

result<void> join_outcome(const caf::error& reason) {
  const auto why = from_caf(reason);
  const bool killed = reason && reason.category() == caf::atom("exit");
  if (why && (killed || why.code() != errc::closed)) return why;
  return {};
}

relay::relay(caf::actor_config& config, relay_end one, relay_end other)
    : caf::event_based_actor(config), ends_{std::move(one), std::move(other)} {}

caf::behavior relay::make_behavior() {
  set_down_handler([this](const caf::down_msg& down) { gone(down); });
  for (auto& end : ends_) monitor(end.channel);
  for (std::size_t i = 0; i < 2; ++i) {
    auto& from = ends_[i];
    if (!from.unread_errors.empty())
      pass_on(from.channel, ends_[1 - i].channel, 0, error_atom_v, std::move(from.unread_errors));
    if (!from.unread.empty())
      pass_on(from.channel, ends_[1 - i].channel, from.credit, write_atom_v, std::move(from.unread));
    request(from.channel, caf::infinite, subscribe_atom_v, caf::strong_actor_ptr{ctrl()}, delivery::bytes)
        .then([] {}, [this, channel = from.channel](const caf::error&) { caf::anon_send(channel, close_atom_v); });
    pass_children(from.channel, ends_[1 - i].channel);
  }
  return {
      [this](join_atom) { return joined_ = make_response_promise(); },
      [this](bytes_atom, bytes& data) {
        const auto size = static_cast<std::uint32_t>(data.size());
        pass_on(here(), across(), size, write_atom_v, std::move(data));
      },
      [this](error_atom, frames& batch) {
        const auto size = static_cast<std::uint32_t>(batch.wire_size());
        pass_on(here(), across(), size, error_atom_v, std::move(batch));
      },
      [this](trailers_atom, std::vector<std::string>& list) {
        pass_on(here(), across(), 0, trailers_atom_v, std::move(list));
      },
      [this](eof_atom) { pass_on(here(), across(), 0, eof_atom_v); },
  };
}

const channel_actor& relay::here() { return ends_[current_sender() == ends_[0].channel.address() ? 0 : 1].channel; }

const channel_actor& relay::across() { return ends_[current_sender() == ends_[0].channel.address() ? 1 : 0].channel; }

template <class... Ts>
void relay::pass_on(const channel_actor& from, const channel_actor& to, std::uint32_t credit, Ts&&... xs) {
  request(to, caf::infinite, std::forward<Ts>(xs)...)
      .then(
          [from, credit] {
            if (credit != 0) caf::anon_send(from, credit_atom_v, credit);
          },
          [](const caf::error&) {});  // it does not write any more, or has ended: its down message says the rest
}

void relay::on_exit() {
  if (!joined_.pending()) return;
  if (const auto outcome = join_outcome(fail_state()); !outcome)
    joined_.deliver(to_caf(outcome.error()));
  else
    joined_.deliver(caf::unit);
}

// Until the channel ends; each child has a relay of its own.
void relay::pass_children(const channel_actor& from, const channel_actor& to) {
  request(from, caf::infinite, accept_atom_v)
      .then(
          [this, from, to](const caf::actor& arrived) {
            pass_children(from, to);
            const auto child = caf::actor_cast<channel_actor>(arrived);
            const auto refuse = [child](const caf::error& why) {
              caf::anon_send(child, trailers_atom_v, transport::as_trailers(from_caf(why)));
              caf::anon_send(child, close_atom_v);
            };
            request(child, caf::infinite, meta_atom_v)
                .then(
                    [this, to, child, refuse](const meta& about) {
                      request(to, caf::infinite, open_atom_v, about.service, relayed_headers(about))
                          .then(
                              [this, child](const caf::actor& beyond) {
                                spawn<relay>(relay_end{.channel = child},
                                             relay_end{.channel = caf::actor_cast<channel_actor>(beyond)});
                              },
                              refuse);
                    },
                    refuse);
          },
          [](const caf::error&) {});  // its down message says the rest
}

// What the remote side of one channel closed is closed for the other, after all that was passed on before.
void relay::gone(const caf::down_msg& down) {
  const auto& other = ends_[down.source == ends_[0].channel.address() ? 1 : 0].channel;
  if (--left_ == 0) return quit(first_reason_);
  first_reason_ = down.reason;
  bool trailed = false;
  if (auto last = trailers_of(down.reason, trailed); trailed)  // of one that had ended before anybody subscribed
    caf::anon_send(other, trailers_atom_v, std::move(last));
  if (const auto why = from_caf(down.reason); why && why.code() != errc::closed)
    caf::anon_send(other, trailers_atom_v, transport::as_trailers({why.code(), "beyond the relay: " + why.message()}));
  caf::anon_send(other, close_atom_v);
}

}  // namespace duplex::detail
