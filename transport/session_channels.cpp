// SPDX-License-Identifier: BSD-2-Clause
// The session's channels: opening, accepting, closing.
#include "transport/session.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace duplex::transport {
namespace {

// Above this backlog opens wait for closes: else closes starve, libssh's channel list grows, and with it the cost of
// every packet, for good (datapath-facts.md 4, trap 4). Below it opens go first, for their latency.
constexpr std::size_t backlog = 8;

std::vector<std::string> refusal(const error& why) {
  return {"status=" + std::to_string(static_cast<int>(why.code())), "reason=" + why.context()};
}

}  // namespace

ssh_stream& session::add(ssh_channel ch, channel_id id, bool native) {
  auto made = std::make_unique<ssh_stream>(*this, *setup_.settings, ch, id, native);
  auto& st = *made;
  streams_.emplace(&st, std::move(made));
  return st;
}

caf::actor session::make_channel(ssh_stream& st, std::string service, std::vector<std::string> headers,
                                 std::string originator, bool opened_here) {
  auto channel = setup_.make_channel(system(), {home(), st, caf::strong_actor_ptr{ctrl()}, about_, std::move(service),
                                                std::move(headers), std::move(originator), opened_here});
  st.set_channel(channel);
  return channel;
}

caf::response_promise session::open(std::string& service, std::vector<std::string>& headers) {
  auto promise = make_response_promise();
  const auto refuse = [&](errc code, std::string why) {
    promise.deliver(to_caf({code, "open '" + service + "': " + std::move(why)}));
    return promise;
  };
  if (state_ != state::up || !named_) return refuse(errc::not_connected, "the session is not up");
  if (draining_ || leaving_ || farewell_) return refuse(errc::not_connected, "the session is ending");
  if (!is_valid_name(service))
    return refuse(errc::invalid_argument, "a service name is 1 to 255 letters, digits and . _ / @ -");
  if (channels() >= setup_.settings->max_channels)
    return refuse(errc::resource_exhausted,
                  "the session has " + std::to_string(channels()) + " channels (option max_channels)");
  const open_record record{next_number_, std::nullopt, headers};
  auto text = record.encode();
  const auto limit = std::min(setup_.settings->max_open_record, remote_hello_.max_open_record);
  if (text.size() > limit)
    return refuse(errc::resource_exhausted, "its headers make an open record of " + std::to_string(text.size()) +
                                                " bytes, over the limit of " + std::to_string(limit) +
                                                " (option max_open_record)");
  ssh_channel ch = ssh_channel_new(ssh_);
  if (ch == nullptr) return refuse(errc::internal, "libssh gave no channel");
  auto& st = add(ch, {setup_.role, next_number_++}, true);
  st.opening_ = true;
  st.answer_due_ = std::chrono::steady_clock::now() + setup_.settings->open_timeout;
  to_open_.push_back({&st, service, std::move(text)});
  auto channel = make_channel(st, std::move(service), std::move(headers), {}, true);
  promise.delegate(channel, open_atom_v);
  mark();
  return promise;
}

void session::send_opens() {
  const auto closes = [this] {
    return gone_.size() + static_cast<std::size_t>(
                              std::count_if(dirty_.begin(), dirty_.end(), [](auto* st) { return st->send_close_; }));
  };
  if (to_open_.empty() || closes() > backlog) return;
  const bool first = opening_.empty();
  while (!to_open_.empty()) {
    auto next = std::move(to_open_.front());
    to_open_.pop_front();
    auto& st = *next.stream;
    if (st.closed_ || st.released_) {  // nobody waits for it any more
      st.gone_ = st.close_sent_ = true;
      look_after(st);
      continue;
    }
    const int rc = setup_.role == side::dialler
                       ? ssh_channel_open_forward(st.ch_, next.service.c_str(), 1, next.record.c_str(), 0)
                       : ssh_channel_open_reverse_forward(st.ch_, next.service.c_str(), 1, next.record.c_str(), 0);
    opening_.push_back(&st);
    if (rc == SSH_ERROR && !st.confirmed_) denied(st);  // the answer came within the call
  }
  if (first) arm_tick();
}

void session::denied(ssh_stream& st) {
  st.confirmed_ = st.gone_ = st.close_sent_ = true;
  if (!st.failure_) st.failure_ = {errc::refused, "the remote peer takes no such channel, or no more of them"};
  touch(st);
}

// libssh 0.10 tells of a confirmation or a refusal only to those who ask, and keeps one error text for the whole
// session: a refusal is found by asking again on each channel that is still waiting.
void session::scan_opening() {
  const bool some_denied = ssh_get_error_code(ssh_) == SSH_REQUEST_DENIED && packets_.in_packets != scanned_packets_;
  scanned_packets_ = packets_.in_packets;
  for (std::size_t i = 0; i < opening_.size();) {
    auto& st = *opening_[i];
    if (!st.confirmed_ && st.ch_ != nullptr) {
      if (ssh_channel_is_open(st.ch_) != 0) {
        st.confirmed_ = true;
      } else if (some_denied && !st.gone_ &&
                 (setup_.role == side::dialler ? ssh_channel_open_forward(st.ch_, "", 0, "", 0)
                                               : ssh_channel_open_reverse_forward(st.ch_, "", 0, "", 0)) == SSH_ERROR) {
        denied(st);
      }
    }
    const bool answered = st.confirmed_ && (st.accepted_ || st.trailers_ || st.gone_ || st.closed_);
    if (!answered) {
      ++i;
      continue;
    }
    changed(st);  // what was written while it was opening may go
    st.opening_ = false;
    opening_[i] = opening_.back();
    opening_.pop_back();
  }
}

int session::on_message(ssh_message message) {
  constexpr int refuse = 1;
  if (state_ != state::up || ssh_message_type(message) != SSH_REQUEST_CHANNEL_OPEN) return refuse;
  const int expected = setup_.role == side::acceptor ? SSH_CHANNEL_DIRECT_TCPIP : SSH_CHANNEL_FORWARDED_TCPIP;
  if (ssh_message_subtype(message) != expected) return refuse;
  return on_open_request(message);
}

int session::on_open_request(ssh_message message) {
  constexpr int refuse = 1, taken = 0;
  const auto text = [](const char* s) { return std::string{s != nullptr ? s : ""}; };
  auto service = text(ssh_message_channel_request_open_destination(message));
  const auto originator = text(ssh_message_channel_request_open_originator(message));
  const bool native = open_record::is_record(originator);
  const bool control = service == control_service;
  if (!is_valid_name(service)) return refuse;
  if (leaving_ || farewell_ || (!control && channels() >= setup_.settings->max_channels)) return refuse;
  auto record =
      native ? open_record::decode(originator, setup_.settings->max_open_record) : result<open_record>{open_record{}};
  if (control && (!record || control_ != nullptr || !native || setup_.role != side::acceptor)) return refuse;
  // A stock client hears "no" only in the answer to its request; a peer hears it in trailers, with the reason.
  const bool known =
      setup_.served && service[0] != '@' && (setup_.served->all_others || setup_.served->names.contains(service));
  if (!native && !known) {
    log(log_record::level::info, "refused a stock client the service '" + service + "': not served");
    return refuse;
  }

  ssh_channel ch = ssh_message_channel_request_open_reply_accept(message);
  if (ch == nullptr) return refuse;
  const auto opener = setup_.role == side::acceptor ? side::dialler : side::acceptor;
  auto& st = add(ch, {opener, record ? record->id : 0}, native);
  st.confirmed_ = true;
  if (control) {
    control_ = &st;
    st.framed_ = true;
    st.accept();
    return taken;
  }
  if (!record || record->parent) {
    const auto why = record ? error{errc::unsupported, "child channels are not in this version"} : record.error();
    log(log_record::level::warning, "refused the service '" + service + "': " + why.message());
    st.finish(refusal(why));
    st.release();
    return taken;
  }
  auto headers = record->headers;
  auto stock_address =
      native ? std::string{}
             : originator + ':' + std::to_string(ssh_message_channel_request_open_originator_port(message));
  auto channel = make_channel(st, service, std::move(headers), std::move(stock_address), false);
  caf::anon_send(setup_.peer, incoming_atom_v, std::move(channel), std::move(service));
  return taken;
}

// After callbacks: what a stream's news mean for its libssh channel.
void session::look_after(ssh_stream& st) {
  if (st.overrun_ != 0)
    st.fail(
        {errc::resource_exhausted, "the remote side sent " + std::to_string(st.overrun_) + " bytes beyond its window"});
  if (!st.gone_) return;
  if (!std::exchange(st.closed_, true)) {
    st.pull_all();
    st.send_close_ = st.news_ = true;
    st.discard();
    changed(st);
  }
  if (st.close_sent_ && st.ch_ != nullptr && std::find(gone_.begin(), gone_.end(), &st) == gone_.end()) {
    gone_.push_back(&st);
    mark();
  }
}

void session::reap() {
  if (gone_.empty() || failure_) return;
  for (auto* st : std::exchange(gone_, {})) {
    if (write_pending()) {  // a free now would leave the CLOSE unsent
      gone_.push_back(st);
      continue;
    }
    ssh_channel ch = st->ch_;
    st->detach();
    ssh_channel_free(ch);
    if (st->released_) forget(*st);
  }
}

void session::forget(ssh_stream& st) {
  for (auto* list : {&opening_, &touched_, &blocked_, &closing_, &gone_}) std::erase(*list, &st);
  std::erase(dirty_, &st);
  streams_.erase(&st);
}

}  // namespace duplex::transport
