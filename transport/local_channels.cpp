// SPDX-License-Identifier: BSD-2-Clause
// What arrives at an inproc session, and its channels.
#include "transport/local_session.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace duplex::transport {
namespace {

// What an SSH session says by refusing the open itself.
error not_taken() { return {errc::refused, "the remote peer takes no such channel, or no more of them"}; }

}  // namespace

void local_session::receive() {
  setup_.end->take(arrived_);
  for (auto& event : arrived_) {
    if (failure_) break;
    std::visit([this](auto& what) { on(what); }, event);
  }
  arrived_.clear();
}

// After all that has come: channels are told once.
void local_session::deliver() {
  for (auto* st : touched_) {
    st->touched_ = false;
    if (st->opening_ && (st->accepted_ || st->trailers_ || st->closed_)) {
      st->opening_ = false;
      std::erase(opening_, st);
    }
    if (std::exchange(st->news_, false))
      st->tell();
    else if (st->readable() || st->errors_readable())
      st->tell_of_data();
    enlist(*st);  // credit may be due, or a close
  }
  touched_.clear();
}

void local_session::flush() {
  while (!dirty_.empty()) {  // a child's close is what its parent's may have waited for
    flushing_.swap(dirty_);
    for (auto* st : flushing_) {
      st->dirty_ = false;
      st->send(outgoing_);
      if (st->released_ && st->close_sent_ && st->gone_) streams_.erase(st->id());
    }
    flushing_.clear();
  }
  setup_.end->send(outgoing_);
}

void local_session::changed(stream& which) {
  auto& st = static_cast<local_stream&>(which);
  if (state_ == state::over) {
    if (st.released_) streams_.erase(st.id());
    return;
  }
  if (st.released_ && st.has_children() && !std::exchange(st.children_told_, true)) end_children(st);
  enlist(st);
  mark();
}

void local_session::enlist(local_stream& st) {
  if (!std::exchange(st.dirty_, true)) dirty_.push_back(&st);
}

void local_session::touch(local_stream& st) {
  if (!std::exchange(st.touched_, true)) touched_.push_back(&st);
}

local_stream& local_session::add(channel_id id) {
  return *streams_.emplace(id, std::make_unique<local_stream>(*this, *setup_.plan.settings, id)).first->second;
}

// A channel that is done here may still be spoken to.
local_stream* local_session::find(channel_id id) {
  const auto at = streams_.find(id);
  return at == streams_.end() ? nullptr : at->second.get();
}

caf::actor local_session::make_channel(local_stream& st, std::string service, std::vector<std::string> headers,
                                       bool opened_here) {
  channel_setup setup{home(),
                      st,
                      caf::strong_actor_ptr{ctrl()},
                      about_,
                      std::move(service),
                      std::move(headers),
                      {},
                      opened_here,
                      false,
                      st.is_child(),
                      st.id()};
  auto channel = setup_.plan.make_channel(system(), std::move(setup));
  st.set_channel(channel);
  return channel;
}

// Nothing for one that cannot have children, or none any more.
local_stream* local_session::find_parent(channel_id id) {
  auto* st = find(id);
  return st != nullptr && st->may_have_children() && !st->gone_ ? st : nullptr;
}

void local_session::end_children(const local_stream& of) {
  for (const auto& [id, st] : streams_)
    if (!st->gone_) st->end_if_child_of(of);
}

caf::response_promise local_session::open(std::string& service, std::vector<std::string>& headers,
                                          std::optional<channel_id> parent) {
  auto promise = make_response_promise();
  const auto refuse = [&](const error& why) {
    promise.deliver(to_caf({why.code(), "open '" + service + "': " + why.context()}));
    return promise;
  };
  const auto& settings = *setup_.plan.settings;
  if (state_ == state::over || !named_) return refuse({errc::not_connected, "the session is not up"});
  if (draining_ || farewell_) return refuse({errc::not_connected, "the session is ending"});
  auto* above = parent ? find_parent(*parent) : nullptr;
  if (parent && above == nullptr) return refuse({errc::closed, "its parent channel is closed"});
  if (auto why = check_open(service, streams_.size(), settings.max_channels)) return refuse(why);
  if (auto why = check_list(headers)) return refuse(why);
  const auto size = open_record{next_number_, parent, headers}.encode().size();
  if (auto why = check_record(size, std::min(settings.max_open_record, remote_hello_.max_open_record)))
    return refuse(why);
  auto& st = add({setup_.role, next_number_++});
  if (above != nullptr) {
    st.become_child_of(*above);
    above->send_accept(outgoing_);  // if it is due: the open of a child comes after it
  }
  st.opening_ = true;
  st.answer_due_ = std::chrono::steady_clock::now() + settings.open_timeout;
  opening_.push_back(&st);
  arm_tick();
  outgoing_.emplace_back(
      std::make_unique<wire::open>(wire::open{st.id(), parent, service, headers, settings.receive_window}));
  promise.delegate(make_channel(st, std::move(service), std::move(headers), true), open_atom_v);
  mark();
  return promise;
}

// The peer decides whether the channel is kept; its parent, when it has one.
void local_session::on(wire::open& asked) {
  auto* parent = asked.parent ? find_parent(*asked.parent) : nullptr;
  auto why = check_name(asked.service);
  if (!why && asked.parent && parent == nullptr) why = no_parent();
  if (asked.service == control_service || farewell_ || streams_.size() >= setup_.plan.settings->max_channels)
    why = not_taken();
  if (why) {
    log(log_record::level::info, "refused '" + asked.service + "': " + why.message());
    outgoing_.emplace_back(wire::trailers{asked.id, as_trailers(why)});
    outgoing_.emplace_back(wire::close{asked.id});
    return;
  }
  auto& st = add(asked.id);
  st.credit_ = static_cast<std::int64_t>(asked.window);
  if (parent != nullptr) st.become_child_of(*parent);
  auto channel = make_channel(st, asked.service, std::move(asked.headers), false);
  if (parent != nullptr)
    parent->announce_child(std::move(channel));
  else
    caf::anon_send(setup_.plan.peer, incoming_atom_v, std::move(channel), std::move(asked.service));
}

void local_session::on(wire::accept& answer) {
  auto* st = find(answer.id);
  if (st == nullptr) return;
  st->accepted_ = st->news_ = true;
  st->credit_ += static_cast<std::int64_t>(answer.window);
  touch(*st);
}

void local_session::on(wire::data& part) {
  auto* st = find(part.id);
  if (st == nullptr) return;
  st->arrived(std::move(part.content), part.is_error);
  touch(*st);
}

void local_session::on(wire::credit& more) {
  auto* st = find(more.id);
  if (st == nullptr) return;
  st->credit_ += static_cast<std::int64_t>(more.count);
  enlist(*st);
}

void local_session::on(wire::eof& said) {
  auto* st = find(said.id);
  if (st == nullptr) return;
  st->eof_ = st->news_ = true;
  touch(*st);
}

void local_session::on(wire::trailers& said) {
  auto* st = find(said.id);
  if (st == nullptr) return;
  st->trailers_ = std::move(said.list);
  st->news_ = true;
  touch(*st);
}

void local_session::on(wire::close& said) {
  auto* st = find(said.id);
  if (st == nullptr) return;
  st->closed_there();
  touch(*st);
}

}  // namespace duplex::transport
