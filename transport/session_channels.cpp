// SPDX-License-Identifier: BSD-2-Clause
// The session's channels: opening, accepting, closing.
#include "transport/kernel_random.hpp"
#include "transport/session.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace duplex::transport {
namespace {

// Above this backlog opens wait for closes: else closes starve, libssh's channel list grows, and with it the cost of
// every packet, for good (datapath-facts.md 4, trap 4). Below it opens go first, for their latency.
constexpr std::size_t backlog = 8;

}  // namespace

ssh_stream& session::add(ssh_channel ch, channel_id id, dialect speaks) {
  auto made = std::make_unique<ssh_stream>(*this, *setup_.settings, ch, id, speaks);
  auto& st = *made;
  streams_.emplace(&st, std::move(made));
  return st;
}

caf::actor session::make_channel(ssh_stream& st, std::string service, std::vector<std::string> headers,
                                 std::string originator, bool opened_here) {
  auto channel = setup_.make_channel(
      system(), {home(), st, caf::strong_actor_ptr{ctrl()}, about_, std::move(service), std::move(headers),
                 std::move(originator), opened_here, st.speaks_ != dialect::native, st.is_child(), st.id()});
  st.set_channel(channel);
  return channel;
}

caf::response_promise session::open(std::string& service, std::vector<std::string>& headers,
                                    std::optional<channel_id> parent) {
  auto promise = make_response_promise();
  const auto refuse = [&](const error& why) {
    promise.deliver(to_caf({why.code(), "open '" + service + "': " + why.context()}));
    return promise;
  };
  if (state_ != state::up || !named_) return refuse({errc::not_connected, "the session is not up"});
  if (draining_ || leaving_ || farewell_) return refuse({errc::not_connected, "the session is ending"});
  auto* above = parent ? find_parent(*parent) : nullptr;
  if (parent && above == nullptr) return refuse({errc::closed, "its parent channel is closed"});
  if (auto why = check_open(service, channels(), setup_.settings->max_channels)) return refuse(why);
  if (auto why = check_list(headers)) return refuse(why);
  const open_record record{next_number_, parent, headers};
  auto text = record.encode();
  if (auto why = check_record(text.size(), std::min(setup_.settings->max_open_record, remote_hello_.max_open_record)))
    return refuse(why);
  ssh_channel ch = ssh_channel_new(ssh_);
  if (ch == nullptr) return refuse({errc::internal, "libssh gave no channel"});
  auto& st = add(ch, {setup_.role, next_number_++}, dialect::native);
  if (above != nullptr) st.become_child_of(*above);
  open_later(st, service, 1, std::move(text), promise, std::move(headers));
  return promise;
}

// The next flush asks the remote side; the channel's actor gives the answer.
void session::open_later(ssh_stream& st, const std::string& service, unsigned port, std::string originator,
                         caf::response_promise& answer, std::vector<std::string> headers) {
  st.opening_ = true;
  st.answer_due_ = std::chrono::steady_clock::now() + setup_.settings->open_timeout;
  to_open_.push_back({&st, service, std::move(originator), port});
  answer.delegate(make_channel(st, service, std::move(headers), {}, true), open_atom_v);
  mark();
}

int session::ask(const ssh_stream& st, const char* service, unsigned port, const char* originator) {
  const auto open = setup_.role == side::dialler ? ssh_channel_open_forward : ssh_channel_open_reverse_forward;
  const kernel_random padding;
  return open(st.ch_, service, static_cast<int>(port), originator, 0);
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
      st.leave_parent();
      look_after(st);
      continue;
    }
    st.send_accept_of_parent();
    const int rc = ask(st, next.service.c_str(), next.port, next.originator.c_str());
    opening_.push_back(&st);
    served_one();
    if (is_gone(ssh_)) break;  // no answer: the end came within the call
    if (rc == SSH_ERROR && !st.confirmed_) denied(st);
  }
  if (first) arm_tick();
}

void session::denied(ssh_stream& st) {
  st.confirmed_ = st.gone_ = st.close_sent_ = true;
  st.leave_parent();
  if (!st.failure_)
    st.failure_ = {errc::refused, st.speaks_ == dialect::native
                                      ? "the remote peer takes no such channel, or no more of them"
                                      : "the client that offers it cannot reach what is behind it"};
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
      } else if (some_denied && !st.gone_ && ask(st, "", 0, "") == SSH_ERROR) {
        denied(st);
      }
    }
    if (st.confirmed_ && !st.failure_ && st.speaks_ != dialect::native && !std::exchange(st.accepted_, true)) {
      st.news_ = true;  // stock software says no more than that
      touch(st);
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
  if (state_ != state::up) return refuse;
  if (ssh_message_type(message) == SSH_REQUEST_GLOBAL) return on_global_request(message);
  if (ssh_message_type(message) != SSH_REQUEST_CHANNEL_OPEN || leaving_ || farewell_) return refuse;
  const int expected = setup_.role == side::acceptor ? SSH_CHANNEL_DIRECT_TCPIP : SSH_CHANNEL_FORWARDED_TCPIP;
  if (ssh_message_subtype(message) == SSH_CHANNEL_SESSION) return on_session_channel(message);
  return ssh_message_subtype(message) == expected ? on_open_request(message) : refuse;
}

// Why the remote side may not have that service; nothing when it may. A stock client hears "no" only in the answer to
// its request, a peer in trailers, with the reason: there its own peer decides whether anybody serves.
error session::check_service(const std::string& service, unsigned port, dialect speaks) const {
  if (auto wrong = check_name(service)) return wrong;
  if (may_ && !may_->may_open(service, port))
    return {errc::auth_failed, "the key " + about_->remote_key + " may not open '" + service + '\''};
  if (speaks == dialect::native) return {};
  const auto& known = setup_.served;
  if (!known || service[0] == '@' ||
      !(known->all_others || known->names.contains(service) || known->offered.contains(service)))
    return {errc::unknown_service, "'" + service + "' is not served here"};
  return {};
}

int session::on_open_request(ssh_message message) {
  constexpr int refuse = 1, taken = 0;
  const auto text = [](const char* s) { return std::string{s != nullptr ? s : ""}; };
  auto service = text(ssh_message_channel_request_open_destination(message));
  const auto port = static_cast<unsigned>(ssh_message_channel_request_open_destination_port(message));
  const auto originator = text(ssh_message_channel_request_open_originator(message));
  const auto speaks = open_record::is_record(originator) ? dialect::native : dialect::forward;
  const bool control = service == control_service;
  if (!is_valid_name(service) || (!control && is_full())) return refuse;
  // The record of the control channel holds hello, and may be as long as its frames.
  const auto most = control ? max_control_frame : setup_.settings->max_open_record;
  auto record = speaks == dialect::native ? open_record::decode(originator, most) : result<open_record>{open_record{}};
  if (control && (control_ != nullptr || speaks != dialect::native || setup_.role != side::acceptor)) return refuse;
  auto said = control && record ? hello::from_items(record->headers) : result<hello>{hello{}};
  auto* parent = record && record->parent ? find_parent(*record->parent) : nullptr;
  // Who may open the parent may open children: what they are is its service's affair.
  auto why = !record                               ? record.error()
             : !said                               ? said.error()
             : control                             ? error{}
             : record->parent && parent == nullptr ? no_parent()
             : parent != nullptr                   ? error{}
                                                   : check_service(service, port, speaks);
  if (why) log(log_record::level::info, "refused '" + service + "': " + why.message());
  if (why && (speaks != dialect::native || is_full())) return refuse;

  // The confirmation leaves with what the peer decides, if that does not take long: the kernel holds it for 200 ms.
  if (control && is_tcp_ && !why) set_cork(corked_ = true);
  ssh_channel ch = ssh_message_channel_request_open_reply_accept(message);
  if (ch == nullptr) {
    mark();
    return refuse;
  }
  const auto opener = setup_.role == side::acceptor ? side::dialler : side::acceptor;
  auto& st = add(ch, {opener, record ? record->id : 0}, speaks);
  st.confirmed_ = true;
  if (why) {
    st.refuse(why);
    st.release();
  } else if (control) {
    control_ = &st;
    st.framed_ = true;
    on_hello(std::move(*said));
  } else {
    auto address = speaks == dialect::native
                       ? std::string{}
                       : originator + ':' + std::to_string(ssh_message_channel_request_open_originator_port(message));
    arrive(st, std::move(service), std::move(record->headers), std::move(address), parent);
  }
  return taken;
}

// Whoever serves it sees whose it is: while a name is claimed that is not known.
void session::arrive(ssh_stream& st, std::string service, std::vector<std::string> headers, std::string originator,
                     ssh_stream* parent) {
  if (parent != nullptr) st.become_child_of(*parent);
  if (control_ != nullptr && !named_)
    early_.push_back({&st, std::move(service), std::move(originator), std::move(headers)});
  else
    hand_over(st, std::move(service), std::move(headers), std::move(originator));
}

// The peer decides whether the channel is kept; its parent, when it has one.
void session::hand_over(ssh_stream& st, std::string service, std::vector<std::string> headers, std::string originator) {
  auto channel = make_channel(st, service, std::move(headers), std::move(originator), false);
  if (auto* parent = st.parent_)
    parent->announce_child(std::move(channel));
  else
    caf::anon_send(setup_.peer, incoming_atom_v, std::move(channel), std::move(service));
}

// Nothing for one that cannot have children, or none any more.
ssh_stream* session::find_parent(channel_id id) {
  const auto at = std::find_if(streams_.begin(), streams_.end(), [&](const auto& entry) {
    const auto& st = *entry.second;
    return st.id() == id && st.speaks_ == dialect::native && st.may_have_children() && !st.gone_ && &st != control_;
  });
  return at != streams_.end() ? at->second.get() : nullptr;
}

void session::end_children(const ssh_stream& of) {
  for (const auto& [raw, st] : streams_)
    if (!st->gone_) st->end_if_child_of(of);
}

// After callbacks: what a stream's news mean for its libssh channel.
void session::look_after(ssh_stream& st) {
  if (st.overrun_ != 0)
    st.fail(
        {errc::resource_exhausted, "the remote side sent " + std::to_string(st.overrun_) + " bytes beyond its window"});
  if (!st.gone_) return;
  if (st.asking_) st.release();  // it never said what it wanted, so there is no channel to let it go
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
  st.leave_parent();
  for (auto* list : {&opening_, &touched_, &blocked_, &closing_, &gone_}) std::erase(*list, &st);
  std::erase(dirty_, &st);
  streams_.erase(&st);
}

}  // namespace duplex::transport
