// SPDX-License-Identifier: BSD-2-Clause
#include "transport/line_codec.hpp"

#include <cstring>

namespace duplex::transport {

bytes to_lines(const frames& batch) {
  bytes_writer text;
  for (const auto payload : batch) {
    auto* at = text.extend(payload.size() + 1);
    if (!payload.empty()) std::memcpy(at, payload.data(), payload.size());
    at[payload.size()] = '\n';
  }
  return text.take();
}

std::size_t line_reader::find_line(std::string_view in, bool ended) {
  const auto end = in.find('\n', searched_);
  if (end != std::string_view::npos) return end;
  searched_ = in.size();
  return ended && !in.empty() ? in.size() : std::string_view::npos;
}

bool line_reader::has_frame(const receive_buffer& from, std::uint64_t max_frame, bool ended) {
  const auto text = from.view();
  return find_line(text, ended) != std::string_view::npos || text.size() > max_frame;
}

result<frames> line_reader::take(receive_buffer& from, std::uint64_t max_frame, bool ended) {
  frame_writer taken;
  const auto text = from.view();
  std::size_t at = 0;
  for (;;) {
    const auto rest = text.substr(at);
    const auto length = find_line(rest, ended);
    if (length == std::string_view::npos ? rest.size() > max_frame : length > max_frame) {
      if (!taken.empty()) break;
      return {errc::frame_too_large, "a line of " + std::to_string(std::min(length, rest.size())) +
                                         (length == std::string_view::npos ? " bytes and more" : " bytes") +
                                         " is over the limit of " + std::to_string(max_frame) + " (option max_frame)"};
    }
    if (length == std::string_view::npos) break;
    taken.put(rest.substr(0, length));
    at += std::min(length + 1, rest.size());
    searched_ = 0;
  }
  if (at != 0) (void)from.take_bytes(at);
  return taken.take();
}

}  // namespace duplex::transport
