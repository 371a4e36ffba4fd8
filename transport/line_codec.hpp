// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "transport/frame_codec.hpp"

namespace duplex::transport {

/// The batch as text, each frame a line: what a stock client's session channel carries.
bytes to_lines(const frames& batch);

/// *Worker-bound.* Reads the lines of a stock client's session channel as frames: the payload is the line without its
/// newline. One copy more than framed bytes need.
class line_reader {
 public:
  /// True when `take` would return a frame, or an error. `ended`: nothing follows, so the rest is a line too.
  [[nodiscard]] bool has_frame(const receive_buffer& from, std::uint64_t max_frame, bool ended);
  /// All whole lines, perhaps none. Errors: `frame_too_large`, once the lines before it are taken.
  result<frames> take(receive_buffer& from, std::uint64_t max_frame, bool ended);
  /// Bytes were taken past this reader.
  void forget() noexcept { searched_ = 0; }

 private:
  // The first line's length, or npos while its end has not come.
  std::size_t find_line(std::string_view in, bool ended);

  std::size_t searched_ = 0;  // so many bytes at the beginning hold no newline
};

}  // namespace duplex::transport
