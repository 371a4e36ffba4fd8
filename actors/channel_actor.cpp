// SPDX-License-Identifier: BSD-2-Clause
#include "actors/channel_actor.hpp"

#include <duplex/percent.hpp>

#include "actors/descriptor_relay.hpp"
#include "actors/sending.hpp"
#include "transport/session_rules.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>

#include <algorithm>
#include <typeinfo>

namespace duplex::detail {

using transport::as_trailers;

namespace {

// A sender that waits for no answer may be that many high-water marks ahead; then the channel is ended, not memory.
constexpr std::uint64_t runaway = 8;
constexpr std::size_t max_trailers = 32 << 10;  // one packet, well below what libssh takes (262,144)

}  // namespace

error too_large(std::uint64_t size, std::uint64_t limit) {
  return {errc::frame_too_large, "a frame of " + std::to_string(size) + " bytes is over the limit of " +
                                     std::to_string(limit) + " (option max_frame)"};
}

error check_trailers(const std::vector<std::string>& list) {
  if (auto wrong = transport::check_list(list)) return wrong;
  const auto size = encode_list(list).size();
  if (size <= max_trailers) return {};
  return {errc::resource_exhausted, "trailers of " + std::to_string(size) + " bytes, encoded, are over the limit of " +
                                        std::to_string(max_trailers)};
}

channel_core::channel_core(caf::actor_config& config, transport::channel_setup setup, channel_limits limits)
    : sharing_behavior(config, setup.home),
      setup_(std::move(setup)),
      stream_(&setup_.carrier),
      limits_(limits),
      by_lines_(stream_->by_lines()),
      state_(setup_.opened_here ? state::opening : state::arriving) {
  limits_.max_frame = std::min(limits_.max_frame, setup_.about->max_frame);
  stream_->use_by(*this);
}

// The class is final; a dynamic_cast through CAF's bases takes a hundred times as long.
channel_core* channel_core::of(const channel_actor& which) noexcept {
  auto* actor = caf::actor_cast<caf::abstract_actor*>(which);
  return typeid(*actor) == typeid(channel_core) ? static_cast<channel_core*>(actor) : nullptr;
}

// It answers at the end.
caf::result<void> channel_core::joined_by(const caf::actor& both) {
  auto promise = make_response_promise();
  promise.delegate(both, join_atom_v);
  return promise;
}

accept_queue<caf::actor>& channel_core::children() {
  if (!children_) children_ = std::make_unique<accept_queue<caf::actor>>();
  return *children_;
}

channel_core::waiting& channel_core::patience() {
  if (!waiting_) waiting_ = std::make_unique<waiting>();
  return *waiting_;
}

meta channel_core::describe() const {
  const auto& about = *setup_.about;
  meta m;
  m.service = setup_.service;
  m.headers = setup_.headers;
  m.local_peer = about.local_name;
  m.remote_peer = about.remote_name;
  m.remote_key = about.remote_key;
  m.key_comment = about.key_comment;
  m.user = about.user;
  m.remote_address = about.address;
  m.process = about.process;
  m.originator = setup_.originator;
  m.stock = setup_.stock;
  m.rights = about.rights;
  take_relayed(m);
  return m;
}

// To those who wait for the last word of a stream that is closed.
caf::error channel_core::no_trailers() const {
  return to_caf(stream_->failure() ? stream_->failure()
                                   : error{errc::closed, "the remote side closed the channel without trailers"});
}

error channel_core::check_frames(const frames& batch) const {
  if (batch.wire_size() <= limits_.max_frame) return {};
  for (const auto payload : batch)
    if (payload.size() > limits_.max_frame) return too_large(payload.size(), limits_.max_frame);
  return {};
}

// Only what cannot end the channel, nor make anybody wait: the caller may hold a lock, or be in the middle of
// something.
bool channel_core::write_now(frames& batch, std::uint32_t consumed) {
  if (!is_at_rest() || state_ != state::open || write_closed_ || check_frames(batch)) return false;
  if (stream_->queued() + batch.wire_size() > limits_.high_water) return false;
  held_credit_ += consumed;
  if (const auto count = batch.count(); count != 0) stream_->write(stream_->encode(std::move(batch)), count);
  release_credit();
  return true;
}

void channel_core::enqueue(caf::mailbox_element_ptr what, caf::execution_unit* unit) {
  auto& content = what->content();
  if (is_at_rest() && !what->mid.is_request() && !content.shared() &&
      content.match_elements<write_atom, frames, std::uint32_t>() &&
      write_now(content.get_mutable_as<frames>(1), content.get_as<std::uint32_t>(2)))
    return;
  sharing_behavior::enqueue(std::move(what), unit);
}

caf::result<void> channel_core::written(frames batch, bool is_error) {
  const auto count = batch.count();
  return written(stream_ ? stream_->encode(std::move(batch)) : std::move(batch).image(), is_error, count);
}

caf::result<void> channel_core::written(bytes image, bool is_error, std::uint32_t count) {
  if (!stream_ || write_closed_) return to_caf({errc::closed, "write: this side has closed its writing"});
  if (is_error)
    stream_->write_error(std::move(image), count);
  else
    stream_->write(std::move(image), count);
  if (stream_->queued() <= limits_.high_water) return caf::unit;
  if (stream_->queued() > limits_.high_water * runaway + limits_.max_frame) {
    const error why{errc::resource_exhausted,
                    std::to_string(stream_->queued()) + " bytes are queued: wait for the answer to write, or for sent"};
    break_with(why);
    return to_caf(why);
  }
  auto promise = make_response_promise();
  if (!promise.pending() && !current_mailbox_element()->mid.is_request()) return caf::unit;
  patience().drained.push_back(promise);
  stream_->ask_when_drained();
  return promise;
}

// An echo that is ahead of its reader gets no credit for what it read: so its own queue stays bounded by the window. A
// handle's writes wait by themselves; who reads beside them must not wait with them, or both sides wait for each other.
void channel_core::release_credit() {
  if (held_credit_ == 0 || !stream_) return;
  if (subscriber_ && stream_->queued() > limits_.high_water) return stream_->ask_when_drained();
  stream_->consumed(std::exchange(held_credit_, 0));
}

// While an open waits for the remote side's answer; true once it has come.
bool channel_core::settle_open() {
  if (state_ != state::opening) return true;
  if (!waiting_ || !waiting_->opened.pending()) return false;  // the request has not been delegated to us yet
  if (stream_->accepted()) {
    state_ = state::open;
    if (setup_.is_child)
      waiting_->opened.deliver(caf::actor_cast<caf::actor>(this));
    else
      waiting_->opened.deliver(channel_actor{this});
    if (waiting_->is_idle()) waiting_.reset();
    return true;
  }
  if (!stream_->trailers() && !stream_->closed()) return false;
  error why = stream_->failure();
  if (stream_->trailers()) {
    meta said;
    said.trailers = *stream_->trailers();
    const auto code = said.status();
    why = {code != 0 && code < errc_count ? static_cast<errc>(code) : errc::refused,
           std::string{said.trailer("reason").value_or("no reason given")}};
  } else if (!why) {
    why = {errc::refused, "the remote side closed the channel without an answer"};
  }
  waiting_->opened.deliver(to_caf({why.code(), "open '" + setup_.service + "': " + why.context()}));
  over({});
  return false;
}

void channel_core::look() {
  if (!stream_) return;
  stream_->seen();
  if (!settle_open()) return;
  if (state_ == state::arriving) {
    // Its session is gone, and perhaps the peer that was to decide.
    if (stream_->failure()) over(to_caf(stream_->failure()));
    return;
  }
  release_credit();
  if (waiting_) answer_trailers();
  if (subscriber_)
    push_to_subscriber();
  else if (waiting_)
    answer_reads();
  if (state_ == state::over) return;
  if (waiting_) answer_drained();
  if (!stream_->closed() || (stream_->has_children_coming() && !stream_->failure())) return;
  if (waiting_ && !stream_->trailers())
    for (auto& promise : std::exchange(waiting_->trailers, {})) promise.deliver(no_trailers());
  if (children_) children_->end(to_caf(end_of_reading()));
  const bool untaken = stream_->untaken() || (children_ && !children_->empty());
  if (untaken && !stream_->failure()) return;
  const auto& failure = stream_->failure();
  over(end_reason(failure ? failure : error{errc::closed, "the remote side closed the channel"},
                  stream_->trailers().value_or(std::vector<std::string>{}), stream_->trailers().has_value()));
}

// An error on this channel alone: the remote side is told, the others go on.
void channel_core::break_with(const error& why) {
  if (state_ == state::over) return;
  if (stream_) {
    stream_->discard();
    stream_->finish(as_trailers(why));
  }
  over(to_caf(why));
}

void channel_core::over(const caf::error& reason) {
  if (std::exchange(state_, state::over) == state::over) return;
  quit(reason);
}

void channel_core::on_exit() {
  ended_ = true;
  if (subscriber_) demonitor(caf::actor_cast<caf::actor_addr>(subscriber_));  // it may outlive many channels
  if (!stream_) return;
  const auto reason = fail_state();
  if (state_ != state::over && reason && from_caf(reason).code() != errc::closed)
    stream_->finish(as_trailers(from_caf(reason)));
  auto why = to_caf(stream_->failure() ? stream_->failure() : error{errc::closed, "the channel is closed"});
  if (state_ == state::over && reason && !stream_->failure()) why = reason;
  const auto end = stream_->closed() ? to_caf(end_of_reading()) : why;
  if (waiting_) {
    for (auto& read : waiting_->reads) read.fail(end);
    for (auto& promise : waiting_->drained) promise.deliver(why);
    for (auto& promise : waiting_->trailers) promise.deliver(why);
    if (waiting_->opened.pending()) waiting_->opened.deliver(why);
    waiting_.reset();
  }
  if (children_) {
    children_->end(end);
    while (auto child = children_->next()) caf::anon_send(*child, close_atom_v);
  }
  state_ = state::over;
  if (stream_->trailers()) last_trailers_ = std::make_unique<const std::vector<std::string>>(*stream_->trailers());
  std::exchange(stream_, nullptr)->release();
  setup_.owner = nullptr;
}

// Tells those who monitor the channel. A subscriber that nobody else refers to must live to hear it.
bool channel_core::cleanup(caf::error&& reason, caf::execution_unit* host) {
  const auto listening = std::exchange(subscriber_, nullptr);
  return sharing_behavior::cleanup(std::move(reason), host);
}

}  // namespace duplex::detail
