// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/result.hpp>
#include <duplex/rpc/status.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace duplex::rpc::detail {

// The frames of a call channel, docs/protocol.md "Calls". Numbers are big-endian, as everywhere in Duplex.

enum class frame_kind : std::uint8_t {
  call = 1,    ///< an answer is expected
  notify = 2,  ///< none is
  result = 3,
  status = 4,   ///< the call failed
  cancel = 5,   ///< nobody waits for the answer any more
  release = 6,  ///< a function that was lent is given back
};

/// *Value.* A frame, borrowed from the bytes it was read from. What a kind has not is empty.
struct call_frame {
  frame_kind kind;
  std::uint32_t number = 0;    ///< of the call; chosen by the caller
  std::uint32_t deadline = 0;  ///< of call and notify: milliseconds, 0 for none
  std::string_view method{};
  std::string_view items{};    ///< headers of call and notify, trailers of result and status; see `encode_list`
  rpc::code code = code::ok;   ///< of status
  bool not_begun = false;      ///< of status: the handler has not seen the call
  std::string_view message{};  ///< of status
  std::string_view body{};     ///< arguments, result, or a status's details, in the codec of the channel
};

/// Appends all but the body, which follows it.
void put_head(std::string& out, const call_frame& frame);
/// Puts the number into a frame that was written with another one.
void set_number(char* frame, std::uint32_t number);
/// Errors: `malformed`.
result<call_frame> parse_call_frame(std::string_view from);

/// What is left of a deadline as it travels: at least 1 ms, 0 for none.
std::uint32_t to_wire(std::chrono::steady_clock::time_point deadline);
std::chrono::steady_clock::time_point from_wire(std::uint32_t milliseconds);

}  // namespace duplex::rpc::detail
