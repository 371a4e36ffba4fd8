// SPDX-License-Identifier: BSD-2-Clause
// What a channel does with each message.
#include "actors/channel_actor.hpp"

#include "actors/descriptor_relay.hpp"
#include "actors/sending.hpp"
#include "transport/hello.hpp"

#include <caf/actor_cast.hpp>

#include <limits>

namespace duplex::detail {

using transport::as_trailers;

channel_core::behavior_type channel_core::make_behavior() {
  set_down_handler([this](const caf::down_msg& gone) {
    if (gone.source == subscriber_) break_with({errc::closed, "the subscriber ended: " + to_string(gone.reason)});
  });
  // Never destroyed: a runtime that is a global may make channels until its own end.
  static const auto& shared = *new behavior_type{
      calls<&channel_core::on_write>{},       calls<&channel_core::on_write_frames>{},
      calls<&channel_core::on_write_bytes>{}, calls<&channel_core::on_write_errors>{},
      calls<&channel_core::on_sent>{},        calls<&channel_core::on_credit>{},
      calls<&channel_core::on_subscribe>{},   calls<&channel_core::on_read>{},
      calls<&channel_core::on_read_frames>{}, calls<&channel_core::on_read_errors>{},
      calls<&channel_core::on_eof>{},         calls<&channel_core::on_write_trailers>{},
      calls<&channel_core::on_trailers>{},    calls<&channel_core::on_close>{},
      calls<&channel_core::on_join>{},        calls<&channel_core::on_join_descriptor>{},
      calls<&channel_core::on_meta>{},        calls<&channel_core::on_wake>{},
      calls<&channel_core::on_open>{},        calls<&channel_core::on_send>{},
      calls<&channel_core::on_open_child>{},  calls<&channel_core::on_accept_child>{},
      calls<&channel_core::on_incoming>{},    calls<&channel_core::on_parent_end>{},
      calls<&channel_core::on_keep>{},        calls<&channel_core::on_refuse>{},
  };
  return shared;
}

void channel_core::on_write(write_atom, frames& batch, std::uint32_t consumed) {
  held_credit_ += consumed;
  if (auto wrong = check_frames(batch)) return break_with(wrong);
  if (!batch.empty()) (void)written(std::move(batch), false);
  release_credit();
}

caf::result<void> channel_core::on_write_frames(write_atom, frames& batch) {
  if (auto wrong = check_frames(batch)) return to_caf(wrong);
  return written(std::move(batch), false);
}

caf::result<void> channel_core::on_write_bytes(write_atom, bytes& data) { return written(std::move(data), false); }

caf::result<void> channel_core::on_write_errors(error_atom, frames& batch) {
  if (auto wrong = check_frames(batch)) return to_caf(wrong);
  return written(std::move(batch), true);
}

caf::result<void> channel_core::on_sent(sent_atom) {
  if (!stream_ || stream_->queued() == 0) return caf::unit;
  auto promise = make_response_promise();
  patience().drained.push_back(promise);
  stream_->ask_when_drained();
  return promise;
}

void channel_core::on_credit(credit_atom, std::uint32_t consumed) {
  if (stream_) stream_->consumed(consumed);
}

caf::result<void> channel_core::on_subscribe(subscribe_atom, caf::strong_actor_ptr& whom, delivery form) {
  if (!whom) return to_caf({errc::invalid_argument, "subscribe: no actor"});
  if (subscriber_) return to_caf({errc::already_exists, "subscribe: the channel has a subscriber"});
  subscriber_ = std::move(whom);
  form_ = form;
  monitor(caf::actor_cast<caf::actor_addr>(subscriber_));
  look();
  return caf::unit;
}

caf::result<bytes> channel_core::on_read(read_atom, std::uint64_t limit) {
  return wait_for(pending_read::kind::bytes, static_cast<std::size_t>(limit));
}

caf::result<frames> channel_core::on_read_frames(frames_atom, std::uint32_t consumed) {
  if (stream_ && consumed != 0) stream_->consumed(consumed);
  return wait_for(pending_read::kind::frames, 0);
}

caf::result<frames> channel_core::on_read_errors(error_atom) { return wait_for(pending_read::kind::errors, 0); }

caf::result<void> channel_core::on_eof(eof_atom) {
  write_closed_ = true;
  if (stream_) stream_->close_write();
  return caf::unit;
}

caf::result<void> channel_core::on_write_trailers(trailers_atom, std::vector<std::string>& list) {
  if (auto wrong = check_trailers(list)) return to_caf(wrong);
  write_closed_ = true;
  if (stream_) stream_->finish(std::move(list));
  return caf::unit;
}

caf::result<std::vector<std::string>> channel_core::on_trailers(trailers_atom) {
  if (stream_ && stream_->trailers()) return *stream_->trailers();
  if (stream_ && stream_->closed()) return no_trailers();
  auto promise = make_response_promise();
  patience().trailers.push_back(promise);
  return promise;
}

caf::result<void> channel_core::on_close(close_atom) {
  over({});
  return caf::unit;
}

caf::result<void> channel_core::on_join(join_atom, const caf::actor& other) {
  if (!other) return to_caf({errc::invalid_argument, "join: no channel"});
  return joined_by(
      system().spawn<relay>(relay_end{.channel = this}, relay_end{.channel = caf::actor_cast<channel_actor>(other)}));
}

caf::result<void> channel_core::on_join_descriptor(join_atom, const descriptor& with) {
  if (!with.ends() || home() == nullptr) return to_caf({errc::invalid_argument, "join: no descriptor"});
  return joined_by(system().spawn<descriptor_relay>(home(), relay_end{.channel = this}, with));
}

meta channel_core::on_meta(meta_atom) {
  auto about = describe();
  if (stream_ && (about.trailed = stream_->trailers().has_value())) about.trailers = *stream_->trailers();
  return about;
}

void channel_core::on_wake(wake_atom) { look(); }

caf::result<channel_actor> channel_core::on_open(open_atom) {
  auto promise = make_response_promise();
  patience().opened = promise;
  look();  // the answer may be there already
  return promise;
}

caf::result<void> channel_core::on_send(send_atom, const caf::actor& what) {
  if (!what) return to_caf({errc::invalid_argument, "send: no channel"});
  auto promise = make_response_promise();  // answered by an actor that this channel's end does not take with it
  promise.delegate(system().spawn(sending, channel_actor{this}, caf::actor_cast<channel_actor>(what)), send_atom_v);
  return promise;
}

caf::result<caf::actor> channel_core::on_open_child(open_atom, std::string& service,
                                                    std::vector<std::string>& headers) {
  if (!stream_) return to_caf({errc::closed, "open '" + service + "': its parent channel is closed"});
  if (setup_.stock) return to_caf({errc::unsupported, "open '" + service + "': stock clients have no children"});
  auto promise = make_response_promise();
  promise.delegate(caf::actor_cast<caf::actor>(setup_.owner), open_atom_v, std::move(service), std::move(headers),
                   setup_.id);
  return promise;
}

caf::result<caf::actor> channel_core::on_accept_child(accept_atom) {
  if (auto child = children().next()) {
    if (children_->empty()) look();  // that may have been the last to be taken
    return *child;
  }
  if (!stream_) return to_caf({errc::closed, "accept: the channel is closed"});
  if (stream_->closed()) return to_caf(end_of_reading());
  auto promise = make_response_promise();
  children_->wait(promise);
  return promise;
}

void channel_core::on_incoming(incoming_atom, const caf::actor& child) {
  if (state_ == state::opening) look();  // the acceptance may have come in the same packet
  // Calls come in bursts, and are taken as soon as they are looked at: max_channels bounds them.
  const bool are_calls = setup_.service == transport::calls_service;
  auto why = children().check(are_calls ? std::numeric_limits<std::uint64_t>::max() : limits_.accept_queue);
  // Still `opening`: the remote side has kept this channel, and its word for that waits behind.
  if (state_ == state::over) why = {errc::not_found, "its parent channel is closed"};
  if (stream_) stream_->child_came();
  if (why) {
    caf::anon_send(child, refuse_atom_v, why);
  } else {
    caf::anon_send(child, keep_atom_v);
    children_->put(child);
  }
  if (stream_ && stream_->closed()) look();  // the end waited for this
}

void channel_core::on_parent_end(close_atom, const error& why) {
  if (state_ == state::over) return;
  if (stream_) stream_->finish(as_trailers(why));
  over(to_caf(why));
}

void channel_core::on_keep(keep_atom) {
  if (state_ != state::arriving) return;
  state_ = state::open;
  stream_->accept();
  look();
}

void channel_core::on_refuse(refuse_atom, const error& why) {
  if (state_ == state::arriving && stream_) stream_->refuse(why);
  over({});
}

}  // namespace duplex::detail
