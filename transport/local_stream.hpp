// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "transport/inproc_wire.hpp"
#include "transport/stream.hpp"

#include <chrono>

namespace duplex::transport {

class local_session;

/// *Worker-bound.* A stream of an inproc session. Its window is credit: the receiving side grants `receive_window` at
/// the start, and again what has been consumed. No byte is copied on the way.
class local_stream final : public stream {
 public:
  local_stream(local_session& owner, const options& of, channel_id id);

  [[nodiscard]] channel_id id() const noexcept { return id_; }
  void set_channel(caf::actor channel) { channel_ = std::move(channel); }
  void consumed(std::size_t count) override;

 private:
  friend class local_session;  // as ssh_stream: the session's flush drives what is below

  void send_acceptance(std::vector<wire::event>& to);
  void send(std::vector<wire::event>& to);
  void send_data(std::vector<wire::event>& to);
  void grant(std::vector<wire::event>& to);
  [[nodiscard]] std::int64_t due();  // credit that the remote side should have by now, in bytes
  void arrived(bytes content, bool is_error);
  void closed_there();
  void fail(error why);

  const channel_id id_;
  std::int64_t credit_ = 0;                             // what may be sent; below zero when the window was passed
  std::int64_t granted_ = 0;                            // what the remote side may send
  std::chrono::steady_clock::time_point answer_due_{};  // while opening
  bool opening_ = false;
  bool news_ = false;  // something beside data that the channel actor must see
  bool touched_ = false, dirty_ = false, gone_ = false;
  bool word_sent_ = false, eof_sent_ = false, close_sent_ = false, children_told_ = false;
};

}  // namespace duplex::transport
