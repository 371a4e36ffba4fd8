// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/options.hpp>

#include "runtime/pinned.hpp"
#include "runtime/worker.hpp"
#include "transport/inproc_wire.hpp"
#include "transport/listener.hpp"
#include "transport/local_stream.hpp"
#include "transport/session_rules.hpp"

#include <boost/asio/steady_timer.hpp>
#include <caf/event_based_actor.hpp>

#include <memory>
#include <unordered_map>
#include <vector>

namespace duplex::transport {

/// *Value.* What an inproc session is made from.
struct local_setup {
  side role;
  inproc_end_ptr end;
  session_info about;
  session_plan plan;
  caf::actor reporter;  ///< the dialler: hears up
};

/// *Actor, pinned.* A session within the process: what `session` does, for the same messages and with the same
/// reports, over a wire instead of SSH. The remote side's identity is what it says it is: whoever is in the process
/// could read its key as well.
class local_session final : public detail::pinned_actor<caf::event_based_actor>,
                            public carrier,
                            public detail::worker::task {
 public:
  local_session(caf::actor_config& config, detail::worker* home, local_setup setup);
  ~local_session() override;

  caf::behavior make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "duplex.local_session"; }

  void changed(stream& which) override;
  void run() override;  // at the end of a turn: takes what has come, sends what there is

 private:
  enum class state { up, over };
  struct by_id {
    std::size_t operator()(const channel_id& id) const noexcept {
      return static_cast<std::size_t>(id.number * 2 + (id.opener == side::dialler ? 0 : 1));
    }
  };

  // local_session.cpp: life, control
  void start();
  void mark();
  void fail(error why);
  void end();
  void bury();
  void on_tick();
  void arm_tick();
  void claim();
  void introduce();
  void turn_away(const error& why);
  void leave(errc code, std::string reason, bool at_once);
  void leave_when_idle();
  void log(log_record::level severity, std::string text) const;

  // local_channels.cpp: what arrives, and the channels
  void receive();
  void deliver();
  void flush();
  void on(wire::identity& shown);
  void on(wire::hello& said);
  void on(wire::open& asked);
  void on(wire::refused& answer) { fail(std::move(answer.why)); }
  void on(wire::goodbye& said);
  void on(wire::ping& asked) { outgoing_.emplace_back(wire::pong{asked.number}); }
  void on(wire::pong& answer) { pings_.answered(answer.number); }
  void on(wire::accept& answer);
  void on(wire::data& part);
  void on(wire::credit& more);
  void on(wire::eof& said);
  void on(wire::trailers& said);
  void on(wire::close& said);
  void on(wire::gone&);
  template <class T> void on(std::unique_ptr<T>& apart) { on(*apart); }
  caf::response_promise open(std::string& service, std::vector<std::string>& headers, std::optional<channel_id> parent);
  local_stream* find_parent(channel_id id);
  void end_children(const local_stream& of);
  caf::actor make_channel(local_stream& st, std::string service, std::vector<std::string> headers, bool opened_here);
  local_stream& add(channel_id id);
  local_stream* find(channel_id id);
  void touch(local_stream& st);
  void enlist(local_stream& st);

  local_setup setup_;
  session_info_ptr about_;
  boost::asio::steady_timer tick_;
  state state_ = state::up;
  error failure_;

  std::vector<wire::event> arrived_, outgoing_;
  std::unordered_map<channel_id, std::unique_ptr<local_stream>, by_id> streams_;
  std::vector<local_stream*> opening_, touched_, dirty_, flushing_;
  std::uint64_t next_number_ = 1;

  bool hello_seen_ = false, named_ = false, draining_ = false, leaving_ = false;
  hello remote_hello_;
  error goodbye_;   // what the remote side said before it left
  error farewell_;  // what this side leaves with
  ping_list pings_;

  std::chrono::steady_clock::time_point deadline_;
  std::chrono::steady_clock::time_point tick_due_ = std::chrono::steady_clock::time_point::max();
};

/// Spawns one end of an inproc session: on the worker that made the wire, if that is one of this runtime's, else on the
/// next. Thread: any.
caf::actor spawn_local_session(caf::actor_system& system, const session_plan& plan, side role, inproc_end_ptr end,
                               session_info about, caf::actor reporter);

}  // namespace duplex::transport
