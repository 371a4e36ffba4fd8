// SPDX-License-Identifier: BSD-2-Clause
// What only stock clients do: session channels (ssh -s, ssh HOST COMMAND) and offers (ssh -R).
#include "transport/session.hpp"

#include <duplex/log.hpp>

#include <caf/send.hpp>

#include <algorithm>

namespace duplex::transport {
namespace {

constexpr std::size_t longest_name = 256;        // one more than a name may have: for the log it will do
constexpr std::size_t most_offers = 256;         // of one session; a configuration file has a handful
constexpr std::uint16_t first_dynamic = 49'152;  // RFC 6335 section 6: ports that are given out
constexpr int refuse = 1, taken = 0;             // what libssh's message callback says

}  // namespace

int session::on_session_channel(ssh_message message) {
  if (setup_.role != side::acceptor || is_full()) return refuse;
  ssh_channel ch = ssh_message_channel_request_open_reply_accept(message);
  if (ch == nullptr) return refuse;
  add(ch, {side::dialler, 0}, dialect::command).confirmed_ = true;
  return taken;
}

// A session channel has named its service. Within libssh's callback, so this only queues.
void session::begin(ssh_stream& st, std::string service, std::vector<std::string> headers, const error& wrong) {
  constexpr unsigned port = 1;  // as permitopen counts session channels
  if (const auto why = wrong ? wrong : check_service(service, port, st.speaks_)) {
    log(log_record::level::info, "refused a stock client: " + why.message());
    st.refuse(why);
    return st.release();
  }
  arrive(st, std::move(service), std::move(headers), {}, nullptr);
}

int session::on_global_request(ssh_message message) {
  const char* text = ssh_message_global_request_address(message);
  const auto name = printable(std::string{text != nullptr ? text : ""}.substr(0, longest_name));
  const auto port = static_cast<unsigned>(ssh_message_global_request_port(message));
  switch (ssh_message_subtype(message)) {
    case SSH_GLOBAL_REQUEST_TCPIP_FORWARD: {
      if (const auto why = check_offer(name, port)) {
        log(log_record::level::warning, "refused ssh -R '" + name + ':' + std::to_string(port) + "': " + why.message());
        return refuse;
      }
      auto bound = port;
      if (bound == 0)
        for (bound = first_dynamic; is_offered({name, bound});) ++bound;
      offers_.push_back({name, bound});
      caf::anon_send(setup_.peer, offer_atom_v, caf::actor_cast<caf::actor>(this), name,
                     static_cast<std::uint16_t>(bound));
      log(log_record::level::info, "offers '" + name + "' (ssh -R, port " + std::to_string(bound) + ')');
      ssh_message_global_request_reply_success(message, static_cast<std::uint16_t>(bound));
      return taken;
    }
    case SSH_GLOBAL_REQUEST_CANCEL_TCPIP_FORWARD:
      if (!is_offered({name, port})) return refuse;
      withdraw({name, port});
      ssh_message_global_request_reply_success(message, 0);
      return taken;
    default:
      return refuse;
  }
}

bool session::is_offered(const offer& what) const {
  return std::find(offers_.begin(), offers_.end(), what) != offers_.end();
}

void session::withdraw(const offer& what) {
  std::erase(offers_, what);
  caf::anon_send(setup_.peer, withdraw_atom_v, caf::actor_cast<caf::actor>(this), what.name,
                 static_cast<std::uint16_t>(what.port));
  log(log_record::level::info, "no longer offers '" + what.name + '\'');
}

error session::check_offer(const std::string& name, unsigned port) const {
  if (!is_valid_name(name) || name[0] == '@')
    return {errc::invalid_argument,
            "a service's name is letters, digits and . _ / @ -, as in: ssh -R web:1:127.0.0.1:80"};
  if (!may_->may_listen(name, port))
    return {errc::auth_failed, "needs permitlisten=\"" + name + ":*\" at " + may_->where()};
  if (setup_.served && setup_.served->names.contains(name))
    return {errc::already_exists, "'" + name + "' is served here already"};
  if (is_offered({name, port}))
    return {errc::already_exists, "this session offers it already; another port makes another offer"};
  if (offers_.size() >= most_offers)
    return {errc::resource_exhausted, "the session offers " + std::to_string(most_offers) + " services already"};
  if (leaving_ || farewell_) return {errc::closed, "the session is ending"};
  return {};
}

// A channel to what this client offers: the peer's choice of session for that name. The channel's actor answers.
caf::response_promise session::open_offered(const std::string& name, std::uint16_t port, const std::string& from) {
  auto promise = make_response_promise();
  const auto refused = [&](errc code, std::string why) {
    promise.deliver(to_caf({code, "open '" + name + "': " + std::move(why)}));
    return promise;
  };
  if (state_ != state::up || leaving_ || farewell_) return refused(errc::not_connected, "the session is ending");
  if (!is_offered({name, port})) return refused(errc::not_connected, "it is no longer offered");
  if (is_full())
    return refused(errc::resource_exhausted,
                   "the session has " + std::to_string(channels()) + " channels (option max_channels)");
  ssh_channel ch = ssh_channel_new(ssh_);
  if (ch == nullptr) return refused(errc::internal, "libssh gave no channel");
  open_later(add(ch, {side::acceptor, 0}, dialect::forward), name, port, from, promise, {});
  return promise;
}

}  // namespace duplex::transport
