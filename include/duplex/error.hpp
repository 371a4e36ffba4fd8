// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace duplex {

/// What went wrong. The numbers are stable: they travel as `status` of a refusal (docs/protocol.md).
enum class errc : std::uint8_t {
  none = 0,
  internal = 1,             ///< a fault of this side, an exception in a handler among them
  closed = 2,               ///< the channel, session, peer or runtime was closed
  end_of_stream = 3,        ///< the remote side has sent everything it had to send
  timed_out = 4,            ///< an operation's time limit passed
  connection_failed = 5,    ///< nobody answers at that endpoint
  connection_lost = 6,      ///< the session ended without a goodbye
  auth_failed = 7,          ///< the remote peer does not accept this key
  host_key = 8,             ///< the remote peer's key is unknown or another than expected
  key_file = 9,             ///< a key file is missing, unreadable, malformed or open to others
  not_connected = 10,       ///< no session leads to that peer
  unknown_service = 11,     ///< the remote peer serves nothing under that name
  refused = 12,             ///< the remote peer turned the request down
  resource_exhausted = 13,  ///< a queue or a count is at its limit
  frame_too_large = 14,     ///< a frame is over `max_frame`
  malformed = 15,           ///< bytes that do not follow the protocol
  truncated = 16,           ///< the stream ended within a frame
  invalid_argument = 17,    ///< a value that the call does not take
  address_in_use = 18,      ///< another program listens there
  already_exists = 19,      ///< that name or endpoint is taken
  not_found = 20,           ///< no such thing here
  would_deadlock = 21,      ///< a blocking call on a worker thread, which would wait for itself
  unsupported = 22,         ///< not in this version
  io = 23,                  ///< the operating system reports an error on a descriptor
  cancelled = 24,           ///< who waited for it let go (Asio's cancellation)
};

/// One past the highest value of `errc`.
inline constexpr std::uint8_t errc_count = 25;

/// The name in words, as messages show it: "connection lost". Thread: any.
std::string_view to_string(errc code) noexcept;

/// Whether a connection that failed so would fail again, until somebody changes something: access, a key, a name, the
/// other side. A peer gives up such an endpoint and goes on dialling after all else. Thread: any.
bool is_permanent(errc code) noexcept;

/// *Value.* An `errc` and one sentence of context in lower case: what was done, to what, and the way out. Copies share
/// it, and that nothing went wrong is a null pointer: every operation gives one back, and nearly all of them that.
class error {
 public:
  error() = default;
  /// With `errc::none`: no error, and no context.
  error(errc code, std::string context);

  [[nodiscard]] errc code() const noexcept { return said_ ? said_->code : errc::none; }
  [[nodiscard]] const std::string& context() const noexcept;
  /// "connection lost: session with 'hub': keepalive unanswered"
  [[nodiscard]] std::string message() const;
  /// True when there is an error.
  explicit operator bool() const noexcept { return said_ != nullptr; }

  friend bool operator==(const error& a, const error& b) noexcept {
    return a.code() == b.code() && a.context() == b.context();
  }

 private:
  struct said {
    errc code;
    std::string context;
  };
  std::shared_ptr<const said> said_;
};

}  // namespace duplex
