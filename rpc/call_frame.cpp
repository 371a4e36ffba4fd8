// SPDX-License-Identifier: BSD-2-Clause
#include "rpc/call_frame.hpp"

#include <algorithm>
#include <limits>

namespace duplex::rpc::detail {
namespace {

template <class Number> void put(std::string& out, Number n) {
  for (auto shift = 8 * sizeof n; shift != 0;) out += static_cast<char>(n >> (shift -= 8));
}

// The longest that fits; a longer text is cut, for it is for people.
std::string_view cut(std::string_view text, std::size_t most) { return text.substr(0, most); }

/// *Value.* Reads from the front; once something is missing `ok` is false and everything is empty.
class front {
 public:
  explicit front(std::string_view from) : rest_(from) {}
  template <class Number> Number number() {
    const auto from = text(sizeof(Number));
    std::uint64_t n = 0;
    for (const char c : from) n = n << 8 | static_cast<std::uint8_t>(c);
    return static_cast<Number>(n);
  }
  std::string_view text(std::size_t size) {
    if (rest_.size() < size) {
      ok_ = false;
      return {};
    }
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  [[nodiscard]] std::string_view rest() const { return rest_; }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

constexpr std::uint8_t not_begun_flag = 0x80;  // beside the code

}  // namespace

void put_head(std::string& out, const call_frame& frame) {
  put(out, static_cast<std::uint8_t>(frame.kind));
  put(out, frame.number);
  switch (frame.kind) {
    case frame_kind::call:
    case frame_kind::notify:
      put(out, frame.deadline);
      put(out, static_cast<std::uint8_t>(frame.method.size()));
      out += frame.method;
      put(out, static_cast<std::uint16_t>(frame.items.size()));
      out += frame.items;
      break;
    case frame_kind::result:
      put(out, static_cast<std::uint16_t>(frame.items.size()));
      out += frame.items;
      break;
    case frame_kind::status: {
      put(out, static_cast<std::uint8_t>(static_cast<std::uint8_t>(frame.code) |
                                         (frame.not_begun ? not_begun_flag : std::uint8_t{0})));
      put(out, static_cast<std::uint16_t>(frame.items.size()));
      out += frame.items;
      const auto message = cut(frame.message, std::numeric_limits<std::uint16_t>::max());
      put(out, static_cast<std::uint16_t>(message.size()));
      out += message;
      break;
    }
    case frame_kind::cancel:
    case frame_kind::release:
      break;
  }
}

void set_number(char* frame, std::uint32_t number) {
  for (int i = 4; i > 0; --i, number >>= 8) frame[i] = static_cast<char>(number);
}

result<call_frame> parse_call_frame(std::string_view from) {
  front at{from};
  call_frame frame{};
  const auto kind = at.number<std::uint8_t>();
  frame.number = at.number<std::uint32_t>();
  frame.kind = static_cast<frame_kind>(kind);
  switch (frame.kind) {
    case frame_kind::call:
    case frame_kind::notify:
      frame.deadline = at.number<std::uint32_t>();
      frame.method = at.text(at.number<std::uint8_t>());
      frame.items = at.text(at.number<std::uint16_t>());
      break;
    case frame_kind::result:
      frame.items = at.text(at.number<std::uint16_t>());
      break;
    case frame_kind::status: {
      const auto code = at.number<std::uint8_t>();
      frame.not_begun = (code & not_begun_flag) != 0;
      frame.code = to_code(code & ~unsigned{not_begun_flag});
      if (frame.code == code::ok) frame.code = code::unknown;  // what is no failure must not come as one
      frame.items = at.text(at.number<std::uint16_t>());
      frame.message = at.text(at.number<std::uint16_t>());
      break;
    }
    case frame_kind::cancel:
    case frame_kind::release:
      break;
    default:
      return {errc::malformed, "a call frame of kind " + std::to_string(kind) + ", known are 1 to 6"};
  }
  if (!at.ok()) return {errc::malformed, "a call frame of " + std::to_string(from.size()) + " bytes ends early"};
  frame.body = at.rest();
  return frame;
}

std::uint32_t to_wire(std::chrono::steady_clock::time_point deadline) {
  if (deadline == std::chrono::steady_clock::time_point::max()) return 0;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  return static_cast<std::uint32_t>(std::clamp<decltype(left)>(left, 1, std::numeric_limits<std::uint32_t>::max()));
}

std::chrono::steady_clock::time_point from_wire(std::uint32_t milliseconds) {
  if (milliseconds == 0) return std::chrono::steady_clock::time_point::max();
  return std::chrono::steady_clock::now() + std::chrono::milliseconds{milliseconds};
}

}  // namespace duplex::rpc::detail
