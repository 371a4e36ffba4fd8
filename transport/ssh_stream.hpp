// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "transport/open_record.hpp"
#include "transport/ssh_ptr.hpp"
#include "transport/stream.hpp"

#include <libssh/callbacks.h>

#include <chrono>

namespace duplex::transport {

class session;

/// Small channels, or frames of one channel, that leave together while others follow: the remote side works on them
/// meanwhile. All of 64 at once and the two sides take turns, each asleep while the other works; four at a time cost as
/// much in sends.
constexpr std::size_t together = 16;

/// Who is at the other end of an SSH channel, and over what.
enum class dialect : std::uint8_t {
  native,   ///< a peer
  forward,  ///< stock software, a forwarded connection: -W, -L, -D, -R
  command   ///< stock software, a session channel: -s, or a command
};

/// *Worker-bound.* A stream with its libssh channel. Callbacks only note what happened; whatever changes libssh's state
/// runs from the session's flush, outside any callback.
class ssh_stream final : public stream {
 public:
  ssh_stream(session& owner, const options& of, ssh_channel ch, channel_id id, dialect speaks);
  ~ssh_stream() override;

  [[nodiscard]] channel_id id() const noexcept { return id_; }
  void set_channel(caf::actor channel) { channel_ = std::move(channel); }

 private:
  friend class session;  // one concept in two files: the session's flush drives what is below

  // What a session channel has said before it names its service.
  struct request {
    std::vector<std::string> headers;
    std::size_t size = 0;
  };

  // How an attempt to send ended.
  enum class progress {
    idle,       // nothing left to send
    more,       // sent some, more is queued
    no_window,  // the remote side takes no more for now
    to_close    // only the CLOSE is left
  };

  [[nodiscard]] std::size_t piece() const;  // how many of the bytes in the queue should leave at a time
  progress send(std::size_t& quota);
  void send_accept();  // if it is due: before anything else on the channel, and before the opens of its children
  void send_accept_of_parent();
  bool send_close(ssh_session of);  // with libssh's buffer empty; false: again
  std::size_t send_data(std::size_t quota);
  void send_last_word();
  void send_exit_status();
  void take_requests();
  int on_environment(std::string_view name, std::string_view value);
  int on_request(std::string service, std::string_view arguments, const error& wrong);
  bool pull();      // takes what libssh was told to keep, if there is room; true when something came
  bool pull_all();  // the same regardless of room: the channel is closing
  void fail(error why);
  void detach();  // libssh's channel is about to go or has gone with its session
  std::size_t on_data(const char* data, std::size_t size, bool is_error);
  void on_exit_signal(std::string_view name, std::string_view text);
  bool take_from_libssh(bool is_error);

  session& owner_;
  ssh_channel ch_;
  channel_id id_;
  ssh_channel_callbacks_struct callbacks_{};
  std::chrono::steady_clock::time_point answer_due_{};  // while opening
  std::size_t overrun_ = 0;                             // bytes that came beyond the window
  const dialect speaks_;
  std::unique_ptr<request> asking_;  // a session channel that has not named its service yet
  bool opening_ = false, confirmed_ = false;
  bool news_ = false;  // something beside data that the channel actor must see
  bool touched_ = false, dirty_ = false, blocked_ = false, gone_ = false;
  bool word_sent_ = false, eof_sent_ = false, close_sent_ = false, children_told_ = false;
};

}  // namespace duplex::transport
