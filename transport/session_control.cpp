// SPDX-License-Identifier: BSD-2-Clause
// The session's control channel: hello as it is opened and answered, ping, goodbye; and obedience to the access list.
#include "transport/session.hpp"

#include <duplex/percent.hpp>

#include <caf/send.hpp>

#include <algorithm>
#include <charconv>

namespace duplex::transport {
namespace {

using clock = std::chrono::steady_clock;

constexpr auto parting = std::chrono::seconds{1};        // a goodbye that does not get out in that time never will
constexpr std::size_t most_answers = 64U << 10;          // pongs that wait to be read, in bytes
constexpr auto claim_answer = std::chrono::seconds{10};  // the peer actor decides at once; this is a safeguard

using strings = std::vector<std::string>;

std::uint64_t number_of(const strings& items, std::string_view key) {
  std::uint64_t n = 0;
  const auto text = find_value(items, key).value_or("");
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

// `otherwise`: of whoever gives no reason, or one of a later version.
error reason_of(const strings& items, const error& otherwise) {
  const auto code = number_of(items, "status");
  return {code > 0 && code < errc_count ? static_cast<errc>(code) : otherwise.code(),
          std::string{find_value(items, "reason").value_or(otherwise.context())}};
}

// A reason is a sentence for people; what a control frame cannot carry is cut off.
control_frame goodbye(const error& why) {
  constexpr std::size_t longest = 1000;  // three times that, percent-encoded, still fits into max_control_frame
  return {"goodbye",
          {"status=" + std::to_string(static_cast<int>(why.code())),
           "reason=" + std::string{why.context().c_str()}.substr(0, longest)}};
}

}  // namespace

void session::open_control() {
  ssh_channel ch = ssh_channel_new(ssh_);
  if (ch == nullptr) return fail({errc::internal, "libssh gave no channel"});
  control_ = &add(ch, {side::dialler, 0}, dialect::native);
  control_->framed_ = control_->opening_ = true;
  control_->answer_due_ = deadline_;
  open_record record;
  record.headers = own_hello(*setup_.settings).to_items();
  to_open_.push_back({control_, std::string{control_service}, record.encode(), 1});
  mark();
}

std::string session::answer_of(const ssh_stream& which) const {
  return &which == control_ ? encode_list(own_hello(*setup_.settings).to_items()) : std::string{};
}

// Within libssh: the remote side keeps a channel that was opened here.
void session::answered(const ssh_stream& which, std::string_view text) {
  if (&which != control_ || setup_.role == side::acceptor || claimed_) return;
  const auto items = decode_list(text);
  if (!items) return fail({errc::malformed, "the answer to '@duplex' is no list"});
  auto said = hello::from_items(*items);
  if (!said) return fail({errc::malformed, "the answer to '@duplex': " + said.error().context()});
  on_hello(std::move(*said));
}

void session::send_control(const control_frame& frame) {
  if (control_ != nullptr) control_->write(make_frames(frame.encode()).image());
}

void session::on_control() {
  while (control_ != nullptr && !failure_) {
    auto taken = control_->data_.take_frame(max_control_frame);
    if (!taken) return fail({errc::malformed, "control channel: " + taken.error().context()});
    if (taken->empty()) break;
    auto frame = control_frame::decode(taken->pop_front());
    if (!frame) return fail(frame.error());
    on_control_frame(*frame);
  }
  if (control_ == nullptr || failure_) return;
  const error refused{errc::refused, "the remote side refuses '@duplex'"};
  if (control_->trailers_ && !named_) return fail(reason_of(*control_->trailers_, refused));
  if (!control_->closed_) return;
  if (leaving_) return fail(farewell_);
  if (goodbye_) return fail(goodbye_);
  if (!named_ && control_->failure_.code() == errc::refused) return fail(refused);
  fail({errc::closed, "the remote peer closed the control channel"});
}

void session::on_hello(hello said) {
  remote_hello_ = std::move(said);
  claimed_ = introduced(*about_, remote_hello_);
  caf::anon_send(caf::actor_cast<caf::actor>(this), claim_atom_v);
}

void session::on_control_frame(const control_frame& frame) {
  if (frame.word == "ping") {
    if (!named_ && setup_.role == side::acceptor) return;  // nothing goes before the answer to the open
    if (control_->queued_ > most_answers)
      return fail({errc::resource_exhausted, "the remote side pings and does not read the answers"});
    send_control({"pong", frame.items});
  } else if (frame.word == "pong") {
    pings_.answered(number_of(frame.items, "number"));
  } else if (frame.word == "goodbye") {
    goodbye_ = reason_of(frame.items, {errc::closed, "the remote peer left"});
    draining_ = true;
    caf::anon_send(setup_.peer, draining_atom_v, caf::actor_cast<caf::actor>(this), goodbye_);
  }
  // Other words are of a later version: they are ignored.
}

// Nothing when the key may claim that name.
error session::check_claim(const session_info& of) const {
  if (!may_ || may_->may_claim(of.remote_name)) return {};
  std::string names;
  for (const auto& name : may_->names()) names.append(names.empty() ? "'" : ", '").append(name) += '\'';
  return {errc::auth_failed,
          "the key " + about_->remote_key + " may claim " + names + " only, not '" + of.remote_name + '\''};
}

// The peer decides whether the name may be claimed; only then does the acceptor keep the control channel.
void session::claim() {
  if (state_ != state::up || named_) return;
  if (const auto why = check_claim(*claimed_)) {
    log(log_record::level::warning, may_->where() + " refused a name: " + why.context());
    return turn_away(why);
  }
  request(setup_.peer, claim_answer, up_atom_v, caf::actor_cast<caf::actor>(this), session_info_ptr{claimed_})
      .then(
          [this] {
            if (state_ != state::up || farewell_) return;
            const auto why = check_claim(*claimed_);  // the list may have changed meanwhile
            return why ? turn_away(why) : granted();
          },
          [this](const caf::error& refused) {
            if (state_ == state::up && !farewell_) turn_away(from_caf(refused));
          });
}

void session::granted() {
  about_ = claimed_;
  named_ = true;
  if (setup_.role == side::acceptor)
    control_->accept();
  else if (setup_.reporter)
    caf::anon_send(setup_.reporter, up_atom_v, caf::actor_cast<caf::actor>(this), session_info_ptr{about_});
  setup_.reporter = nullptr;
  for (auto& one : std::exchange(early_, {}))
    hand_over(*one.stream, std::move(one.service), std::move(one.headers), std::move(one.originator));
  arm_tick();
}

// The access list has changed: what the key may do now. False when it may not even be here any more.
bool session::obey_list() {
  if (setup_.role != side::acceptor || state_ != state::up) return true;
  const auto found = handshake_.judge(*std::exchange(changed_list_, nullptr));
  rights_->follow(found.may);
  if (farewell_) return true;  // no opens any more, but its channels may still be asked about
  if (!found.allowed) {
    log(log_record::level::warning, "ending: " + found.why);
    leave(errc::auth_failed, "the key " + about_->remote_key + " is no longer allowed", true);
    return false;
  }
  may_ = found.may;
  if (const auto why = check_claim(*about_); why && named_) {
    log(log_record::level::warning, "ending: " + why.message());
    rights_->follow(nullptr);
    leave(errc::auth_failed, why.context(), true);
    return false;
  }
  for (const auto& one : std::vector{offers_})
    if (!may_->may_listen(one.name, one.port)) withdraw(one);
  if (about_->key_comment == may_->comment()) return true;
  auto known = std::make_shared<session_info>(*about_);
  known->key_comment = may_->comment();
  about_ = std::move(known);
  return true;
}

void session::turn_away(const error& why) {
  if (setup_.role == side::acceptor)
    control_->refuse(why), control_->close();
  else
    send_control(goodbye(why));
  farewell_ = why;
  leaving_ = true;
  deadline_ = clock::now() + parting;
  arm_tick();
  mark();
}

void session::leave(errc code, std::string reason, bool at_once) {
  if (state_ == state::over) return;
  if (state_ != state::up || !control_) {  // a handshake, or a stock client: nobody to say goodbye to
    farewell_ = {code, std::move(reason)};
    leaving_ = leaving_ || at_once || channels() == 0;
    if (state_ != state::up) {
      fail(farewell_);
      return end();
    }
  } else if (setup_.role == side::acceptor && !named_ && !farewell_) {
    return turn_away({code, std::move(reason)});  // the answer to the open, which nothing goes before
  } else {
    if (!farewell_) {
      farewell_ = {code, std::move(reason)};
      send_control(goodbye(farewell_));
    }
    leaving_ = leaving_ || at_once;
  }
  deadline_ = clock::now() + parting;
  arm_tick();
  mark();
}

// Leaves once the last words are out: at once after a drop, after the last channel when draining.
void session::leave_when_idle() {
  if (!farewell_ || (!leaving_ && channels() != 0)) return;
  if (!leaving_) {
    leaving_ = true;
    deadline_ = clock::now() + parting;
    arm_tick();
  }
  const bool said = control_ == nullptr || (control_->queued_ == 0 && (!control_->last_word_ || control_->word_sent_));
  if (said && !write_pending()) fail(farewell_);
}

void session::send_ping() {
  if (!named_) {
    // A stock client answers keepalive@openssh.com. libssh's non-blocking call sends on every second call only.
    ssh_send_keepalive(ssh_);
    ssh_send_keepalive(ssh_);
    return mark();
  }
  send_control({"ping", {"number=" + std::to_string(pings_.send())}});
}

}  // namespace duplex::transport
