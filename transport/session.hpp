// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "runtime/pinned.hpp"
#include "runtime/worker.hpp"
#include "transport/handshake.hpp"
#include "transport/hello.hpp"
#include "transport/key_rights.hpp"
#include "transport/messages.hpp"
#include "transport/remote_cpu.hpp"
#include "transport/session_rules.hpp"
#include "transport/session_setup.hpp"
#include "transport/ssh_stream.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <caf/event_based_actor.hpp>

#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

namespace duplex::transport {

/// *Actor, pinned.* One SSH connection; libssh is touched only here, on the home worker. The Asio handlers call `pump`
/// outside the actor's own turn, so they send messages but use nothing else of the actor's interface.
///
/// Messages: (open_atom, service, headers) is delegated to the new channel's actor, (open_atom, service, headers,
/// channel_id) the same for a child; (drop_atom, reason);
/// (drain_atom): goodbye, then ends with its last channel; (close_atom): the same, and closes the channels;
/// (ping_atom) -> round-trip time; (services_atom, served_names_ptr); (access_atom, authorized_keys_ptr): the list has
/// changed; (report_atom) -> channel_loads; (forward_atom, name, port, from): as open, to what a stock client offers.
/// Ends with the reason as a CAF error.
class session final : public detail::pinned_actor<caf::event_based_actor>, public carrier, public detail::worker::task {
 public:
  session(caf::actor_config& config, detail::worker* home, session_setup setup);
  ~session() override;

  caf::behavior make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "duplex.session"; }

  // What streams tell.
  void changed(stream& which) override;
  bool remote_shares_cpu() override;
  void touch(ssh_stream& which);
  void begin(ssh_stream& which, std::string service, std::vector<std::string> headers, const error& wrong);
  void answered(const ssh_stream& which, std::string_view text);
  /// What the answer that keeps a channel says: hello, on the control channel.
  [[nodiscard]] std::string answer_of(const ssh_stream& which) const;
  [[nodiscard]] std::uint64_t max_open_record() const noexcept { return setup_.settings->max_open_record; }

  void run() override;  // the end of the worker's turn: the one flush

 private:
  enum class state { handshake, up, over };
  struct offer {
    std::string name;
    unsigned port;
    friend bool operator==(const offer&, const offer&) = default;
  };
  // session.cpp: life
  void start();
  void established();
  void fail(error why);
  void end();
  void bury();
  void on_tick();
  void arm_tick();

  // session_pump.cpp: sockets, libssh, streams
  void pump();
  bool poll_once();
  void lose();
  bool finish_turn();
  void flush();
  void send_queued();
  void send_closes();
  void after_poll();
  void deliver();
  void arm();
  void mark();
  bool write_pending() const;
  void set_cork(bool on);
  std::size_t piece_of(const ssh_stream& alone);
  void served_one();

  // session_channels.cpp: opening, accepting, closing
  caf::response_promise open(std::string& service, std::vector<std::string>& headers, std::optional<channel_id> parent);
  int on_message(ssh_message message);
  int on_open_request(ssh_message message);
  error check_service(const std::string& service, unsigned port, dialect speaks) const;
  void arrive(ssh_stream& st, std::string service, std::vector<std::string> headers, std::string originator,
              ssh_stream* parent);
  void hand_over(ssh_stream& st, std::string service, std::vector<std::string> headers, std::string originator);
  ssh_stream* find_parent(channel_id id);
  void end_children(const ssh_stream& of);
  void open_later(ssh_stream& st, const std::string& service, unsigned port, std::string originator,
                  caf::response_promise& answer, std::vector<std::string> headers);
  int ask(const ssh_stream& st, const char* service, unsigned port, const char* originator);
  ssh_stream& add(ssh_channel ch, channel_id id, dialect speaks);
  void send_opens();
  void scan_opening();
  void denied(ssh_stream& which);
  void reap();
  void look_after(ssh_stream& which);
  void forget(ssh_stream& which);
  caf::actor make_channel(ssh_stream& st, std::string service, std::vector<std::string> headers, std::string originator,
                          bool opened_here);

  // session_stock.cpp: session channels, offers
  int on_session_channel(ssh_message message);
  int on_global_request(ssh_message message);
  [[nodiscard]] bool is_offered(const offer& what) const;
  void withdraw(const offer& what);
  error check_offer(const std::string& name, unsigned port) const;
  caf::response_promise open_offered(const std::string& name, std::uint16_t port, const std::string& from);

  // session_control.cpp: hello, ping, goodbye; the access list
  void open_control();
  void on_control();
  void on_control_frame(const control_frame& frame);
  void on_hello(hello said);
  void send_control(const control_frame& frame);
  void claim();
  void granted();
  error check_claim(const session_info& of) const;
  bool obey_list();
  void turn_away(const error& why);
  void leave(errc code, std::string reason, bool at_once);
  void leave_when_idle();
  void send_ping();
  std::size_t channels() const { return streams_.size() - (control_ ? 1 : 0); }
  bool is_full() const { return channels() >= setup_.settings->max_channels; }
  void log(log_record::level severity, std::string text) const;

  session_setup setup_;
  std::shared_ptr<session_info> about_;
  std::shared_ptr<session_info> claimed_;  // the same with what hello says, which counts once the peer has agreed
  handshake handshake_;
  ssh_session ssh_ = nullptr;  // owned by handshake_ until bury
  ssh_event event_ = nullptr;
  ssh_counter_struct socket_bytes_{}, packets_{};
  boost::asio::posix::stream_descriptor read_watch_, write_watch_;
  boost::asio::steady_timer tick_;

  state state_ = state::handshake;
  error failure_;
  bool in_pump_ = false, marked_ = false, reading_ = false, writing_ = false, is_tcp_ = false, corked_ = false;
  remote_cpu remote_cpu_;
  std::size_t served_ = 0;  // channels, while corked

  std::unordered_map<ssh_stream*, std::unique_ptr<ssh_stream>> streams_;
  struct pending_open {
    ssh_stream* stream;
    std::string service, originator;
    unsigned port;
  };
  std::deque<pending_open> to_open_;
  struct early_arrival {
    ssh_stream* stream;
    std::string service, originator;
    std::vector<std::string> headers;
  };
  std::vector<early_arrival> early_;  // came before the remote side's name was granted
  std::vector<ssh_stream*> opening_, touched_, blocked_, closing_, gone_;
  std::deque<ssh_stream*> dirty_;
  std::uint64_t next_number_ = 1, scanned_packets_ = 0;

  permissions_ptr may_;                 // of the key that signed, on the acceptor's side
  std::shared_ptr<key_rights> rights_;  // what others see of that
  authorized_keys_ptr changed_list_;    // came during the handshake
  std::vector<offer> offers_;           // of a stock client

  // Control.
  ssh_stream* control_ = nullptr;
  bool named_ = false, draining_ = false, leaving_ = false;
  hello remote_hello_;
  error goodbye_;   // what the remote side said before it left
  error farewell_;  // what this side leaves with
  ping_list pings_;

  // Ticking: one timer for the handshake's limit, keepalive, opens that wait, and leaving.
  std::chrono::steady_clock::time_point deadline_;
  std::uint64_t heard_bytes_ = 0, silent_ = 0;
  std::chrono::steady_clock::time_point next_alive_, tick_due_ = std::chrono::steady_clock::time_point::max();
};

}  // namespace duplex::transport
