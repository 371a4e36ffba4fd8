// SPDX-License-Identifier: BSD-2-Clause
// The inproc session's life: identities, hello, goodbye, its end, and what ticks meanwhile.
#include "transport/local_session.hpp"

#include "runtime/scheduler.hpp"
#include "transport/key_rights.hpp"
#include "transport/known_hosts.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace duplex::transport {
namespace {

using clock = std::chrono::steady_clock;

constexpr auto coarse = std::chrono::milliseconds{200};  // how late an open's time limit may be noticed
constexpr auto claim_answer = std::chrono::seconds{10};  // the peer actor decides at once; this is a safeguard

detail::worker& home_for(caf::actor_system& system, const void* maker) {
  auto& all = detail::scheduler::of(system);
  for (std::size_t i = 0; i < all.workers(); ++i)
    if (&all.at(i) == maker) return all.at(i);
  return all.next();
}

}  // namespace

caf::actor spawn_local_session(caf::actor_system& system, const session_plan& plan, side role, inproc_end_ptr end,
                               session_info about, caf::actor reporter) {
  about.local_name = plan.settings->name;
  about.rights = every_service();
  auto& home = home_for(system, end->maker());
  return system.spawn<local_session>(&home,
                                     local_setup{role, std::move(end), std::move(about), plan, std::move(reporter)});
}

local_session::local_session(caf::actor_config& config, detail::worker* home, local_setup setup)
    : pinned_actor(config, home),
      setup_(std::move(setup)),
      about_(std::make_shared<session_info>(setup_.about)),
      tick_(home->context()) {}

local_session::~local_session() { setup_.end->leave(); }

caf::behavior local_session::make_behavior() {
  monitor(setup_.plan.peer);
  set_down_handler([this](const caf::down_msg& gone) { quit(gone.reason); });
  caf::anon_send(setup_.plan.peer, attach_atom_v, caf::actor_cast<caf::actor>(this));
  start();
  return {
      [this](open_atom, std::string& service, std::vector<std::string>& headers) {
        return open(service, headers, std::nullopt);
      },
      [this](open_atom, std::string& service, std::vector<std::string>& headers, channel_id parent) {
        return open(service, headers, parent);
      },
      [this](drop_atom, const std::string& reason) { leave(errc::closed, reason, true); },
      [this](drain_atom) { leave(errc::closed, "the peer is shutting down", false); },
      [this](close_atom) {
        leave(errc::closed, "the peer is shutting down", false);
        for (const auto& [id, st] : streams_)
          if (st->channel_) caf::anon_send(st->channel_, close_atom_v);
      },
      [this](ping_atom) -> caf::response_promise {
        auto promise = make_response_promise();
        if (state_ == state::over || !named_) {  // one that came after the end would never be answered
          promise.deliver(to_caf({errc::not_connected, "ping: the session is not up"}));
        } else {
          pings_.add(promise);
          outgoing_.emplace_back(wire::ping{pings_.send()});
          mark();
        }
        return promise;
      },
      [](services_atom, const served_names_ptr&) {},   // for stock clients
      [](access_atom, const authorized_keys_ptr&) {},  // who is in the process is trusted
      [this](report_atom) {
        channel_loads all;
        for (const auto& [id, st] : streams_) st->report(all);
        return all;
      },
      [this](claim_atom) { claim(); },
      [this](dead_atom) { quit(to_caf(failure_)); },
  };
}

void local_session::on_exit() {
  fail({errc::closed, "the session was ended here"});
  bury();
  demonitor(setup_.plan.peer);                   // else the peer would remember every session it has had
  setup_.plan.peer = setup_.reporter = nullptr;  // they hold this actor
}

void local_session::log(log_record::level severity, std::string text) const {
  const auto& sink = setup_.plan.settings->log;
  if (sink) sink({severity, "session", about_->address + ": " + std::move(text)});
}

void local_session::start() {
  detail::scheduler::of(system()).at_stop(setup_.end);
  // The wire holds this actor until it leaves: it must end on its worker, not where the last who named it lets go.
  setup_.end->attach([this, self = caf::strong_actor_ptr{ctrl()}] {
    // Both ends on one worker: in the same turn.
    if (detail::worker::current() == home()) return home()->at_turn_end(*this);
    home()->post([this, self] { run(); });
  });
  // As in SSH, the acceptor shows its key first: a dialler that expects another one says nothing.
  if (setup_.role == side::acceptor)
    outgoing_.emplace_back(wire::identity{setup_.plan.identity.fingerprint()});
  else
    deadline_ = clock::now() + setup_.plan.settings->connect_timeout;
  arm_tick();
  mark();
}

void local_session::mark() {
  if (state_ != state::over) home()->at_turn_end(*this);
}

void local_session::run() {
  if (state_ == state::over) return;
  receive();
  deliver();
  if (!failure_) {
    flush();
    leave_when_idle();
  }
  if (failure_) end();
}

void local_session::fail(error why) {
  if (!failure_) failure_ = std::move(why);
}

void local_session::end() {
  if (state_ == state::over) return;
  const auto self = caf::actor_cast<caf::actor>(this);  // the wire may hold the last reference
  bury();
  caf::anon_send(self, dead_atom_v);
}

// Tells everybody, then lets the wire go. Also on_exit's, so nothing here may refer to this actor: it may be in its
// destructor.
void local_session::bury() {
  if (std::exchange(state_, state::over) == state::over) return;
  log(log_record::level::info, "ended: " + failure_.message());
  setup_.end->send(outgoing_);
  setup_.end->leave();
  home()->forget(*this);
  tick_.cancel();
  for (auto* list : {&opening_, &touched_, &dirty_}) list->clear();
  // A channel that the remote side did not close is cut off, however politely the session ended.
  const error cut = failure_.code() == errc::closed ? error{errc::connection_lost, failure_.context()} : failure_;
  for (const auto& [id, st] : streams_) st->forget_family();
  std::vector<caf::actor> channels;
  for (auto it = streams_.begin(); it != streams_.end();) {
    auto& st = *it->second;
    if (!st.gone_ && !st.failure_) st.failure_ = cut;
    st.closed_ = true;
    st.discard();
    channels.push_back(st.tell_and_leave());
    it = st.released_ ? streams_.erase(it) : std::next(it);
  }
  pings_.fail(failure_);
  setup_.plan.make_channel = nullptr;
}

void local_session::arm_tick() {
  auto due = setup_.role == side::dialler && !named_ ? deadline_ : clock::time_point::max();
  if (!opening_.empty()) due = std::min(due, clock::now() + coarse);
  if (tick_due_ <= due) return;
  tick_due_ = due;
  tick_.expires_at(due);
  tick_.async_wait([self = caf::strong_actor_ptr{ctrl()}, this](boost::system::error_code cancelled) {
    if (cancelled || state_ == state::over) return;
    detail::run_scope turn{*home()};
    tick_due_ = clock::time_point::max();
    on_tick();
  });
}

void local_session::on_tick() {
  const auto now = clock::now();
  if (setup_.role == side::dialler && !named_ && now >= deadline_)
    fail({errc::timed_out, "no session " + within(*setup_.plan.settings, "connect_timeout")});
  for (auto* st : opening_)
    if (now >= st->answer_due_) {
      st->fail({errc::timed_out, "the remote peer neither keeps nor refuses the channel"});
      touch(*st);
    }
  mark();
  arm_tick();
}

// ---- control

void local_session::on(wire::identity& shown) {
  auto known = *about_;
  known.authenticated = std::chrono::steady_clock::now();
  known.remote_key = std::move(shown.fingerprint);
  about_ = std::make_shared<session_info>(std::move(known));
  if (setup_.role == side::acceptor) return;
  if (auto wrong = check_pinned_key(*setup_.plan.settings, about_->dialled, about_->remote_key))
    return fail(std::move(wrong));
  outgoing_.emplace_back(wire::identity{setup_.plan.identity.fingerprint()});
  introduce();
}

void local_session::introduce() {
  outgoing_.emplace_back(std::make_unique<wire::hello>(wire::hello{own_hello(*setup_.plan.settings)}));
}

void local_session::on(wire::hello& said) {
  remote_hello_ = std::move(said.said);
  about_ = introduced(*about_, remote_hello_);
  caf::anon_send(caf::actor_cast<caf::actor>(this), claim_atom_v);
}

// The peer decides whether the name may be claimed; only then does the acceptor say hello itself.
void local_session::claim() {
  if (state_ == state::over || farewell_) return;
  request(setup_.plan.peer, claim_answer, up_atom_v, caf::actor_cast<caf::actor>(this), about_)
      .then(
          [this] {
            if (state_ == state::over || farewell_) return;
            named_ = true;
            if (setup_.role == side::acceptor)
              introduce();
            else
              caf::anon_send(setup_.reporter, up_atom_v, caf::actor_cast<caf::actor>(this), about_);
            setup_.reporter = nullptr;
            mark();
          },
          [this](const caf::error& refused) {
            if (state_ != state::over) turn_away(from_caf(refused));
          });
}

void local_session::turn_away(const error& why) {
  if (setup_.role == side::acceptor)
    outgoing_.emplace_back(wire::refused{why});
  else
    outgoing_.emplace_back(wire::goodbye{why});
  farewell_ = why;
  leaving_ = true;
  mark();
}

void local_session::on(wire::goodbye& said) {
  goodbye_ = std::move(said.why);
  draining_ = true;
  caf::anon_send(setup_.plan.peer, draining_atom_v, caf::actor_cast<caf::actor>(this), goodbye_);
}

void local_session::on(wire::gone&) {
  fail(goodbye_ ? goodbye_ : error{errc::connection_lost, "the remote side is gone"});
}

void local_session::leave(errc code, std::string reason, bool at_once) {
  if (state_ == state::over) return;
  if (!farewell_) {
    farewell_ = {code, std::move(reason)};
    outgoing_.emplace_back(wire::goodbye{farewell_});
  }
  leaving_ = leaving_ || at_once || !named_;
  mark();
}

// The last words are out: at once after a drop, after the last channel when draining.
void local_session::leave_when_idle() {
  if (farewell_ && (leaving_ || streams_.empty())) fail(farewell_);
}

}  // namespace duplex::transport
