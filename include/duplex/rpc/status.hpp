// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/error.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace duplex::rpc {

/// How a call ended: gRPC's codes, by number and name (https://grpc.io/docs/guides/status-codes/). They travel as
/// `status` in the trailers, and are the exit status of a stock client's call.
enum class code : std::uint8_t {
  ok = 0,
  cancelled = 1,           ///< the caller let go of it
  unknown = 2,             ///< a status that cannot be read
  invalid_argument = 3,    ///< arguments that the method does not take
  deadline_exceeded = 4,   ///< the deadline passed; it may have been done all the same
  not_found = 5,           ///< something the caller named is not there
  already_exists = 6,      ///< something the caller wants to make is there
  permission_denied = 7,   ///< the caller's key may not do this
  resource_exhausted = 8,  ///< a limit of calls, objects or bytes is reached
  failed_precondition = 9,
  aborted = 10,
  out_of_range = 11,
  unimplemented = 12,  ///< no such method there, or not in that codec
  internal = 13,       ///< a fault of the other side, an exception in a handler among them
  unavailable = 14,    ///< the peer cannot be reached, or was lost on the way
  data_loss = 15,
  unauthenticated = 16,
};

/// One past the highest value of `code`.
inline constexpr std::uint8_t code_count = 17;

/// "deadline_exceeded". Thread: any.
std::string_view to_string(code of) noexcept;
/// The code of that number, `unknown` for a number that is none. Thread: any.
code to_code(std::uint32_t number) noexcept;

/// *Value.* `key=value` items, in order, duplicates kept; they travel in headers, trailers or the call's frame.
using metadata = std::vector<std::string>;

/// *Value.* A code, one sentence for people, and for programs details in the codec of the call.
class status {
 public:
  status() = default;
  status(rpc::code code, std::string message, std::string details = {})
      : code_(code), message_(std::move(message)), details_(std::move(details)) {}
  /// What an error of the core means to a caller: `unavailable` for a session that is lost or not there,
  /// `unimplemented` for a service that nobody serves.
  explicit status(const error& why);

  [[nodiscard]] rpc::code code() const noexcept { return code_; }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  [[nodiscard]] const std::string& details() const noexcept { return details_; }
  [[nodiscard]] bool ok() const noexcept { return code_ == rpc::code::ok; }
  /// "invalid_argument: division by zero"
  [[nodiscard]] std::string text() const;

  friend bool operator==(const status&, const status&) = default;

 private:
  rpc::code code_ = code::ok;
  std::string message_, details_;
};

/// What a call throws that did not end with `ok`, and what a handler throws to end it so. Any other exception of a
/// handler becomes `internal` with its text.
class failure : public std::runtime_error {
 public:
  failure(rpc::code code, const std::string& message) : failure(rpc::status{code, message}) {}
  explicit failure(rpc::status of) : std::runtime_error(of.text()), status_(std::move(of)) {}

  [[nodiscard]] const rpc::status& status() const noexcept { return status_; }
  [[nodiscard]] rpc::code code() const noexcept { return status_.code(); }

 private:
  rpc::status status_;
};

}  // namespace duplex::rpc
