// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/channel.hpp>

#include "tools/duplex/common.hpp"
#include "tools/duplex/stop_signal.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace duplex::tools {

/// The channel on one side, stdin, stdout and stderr on the other: a thread for each direction and one for error
/// frames.
class transfer {
 public:
  /// With `frames` a line is a frame, each way.
  transfer(channel ch, bool frames, std::uint64_t max_frame)
      : ch_(std::move(ch)), frames_(frames), max_frame_(max_frame) {}

  /// Until the channel has ended. Gives the remote side's last word, if it had one. Errors: those of the channel; `io`
  /// for stdin, and without a context when nobody reads stdout any more.
  result<std::vector<std::string>> run();

 private:
  void receive();
  void receive_errors();
  void send();
  result<void> send_lines(std::string_view data);
  void end_sending();

  channel ch_;
  const bool frames_;
  const std::uint64_t max_frame_;
  stop_signal stop_;
  std::string line_;                   // of the sending thread
  std::optional<error> send_failure_;  // of the sending thread until it is joined
  std::optional<error> receive_failure_;
  bool stdout_open_ = true;
};

/// The service's own status in its last word, for an exit status: at most 254.
int status_of(const std::vector<std::string>& trailers);
/// Says why a service failed, if it told. Returns its exit status.
int say_end(const peer_arguments& given, const std::vector<std::string>& trailers);

}  // namespace duplex::tools
