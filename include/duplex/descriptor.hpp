// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/result.hpp>

#include <memory>

namespace duplex {
namespace detail {
class descriptor_ends;
}

/// *Value.* What a channel can be joined with beside another channel: a descriptor of the operating system that is read
/// and one that is written, or one for both. They are the library's own, closed with the last copy: the caller keeps
/// what it gave, and may close it at once. Thread: any.
class descriptor {
 public:
  /// Duplicates a stream socket, pipe, terminal, file or device. No flag of an open file that others share is changed:
  /// a pipe or terminal is opened once more, through /proc/self/fd, so as not to block; anything else that can be
  /// waited for, the master of a pseudo-terminal for instance, must have O_NONBLOCK already. Errors: `invalid_argument`
  /// for a number that is not open, not open for that direction, or no stream; `unsupported` for one that would block;
  /// `io`.
  static result<descriptor> of(int in, int out);
  static result<descriptor> of(int both) { return of(both, both); }
  /// The same, and closes `both`.
  static result<descriptor> adopt(int both);

  /// For the library.
  [[nodiscard]] const std::shared_ptr<detail::descriptor_ends>& ends() const noexcept { return ends_; }

 private:
  explicit descriptor(std::shared_ptr<detail::descriptor_ends> ends) : ends_(std::move(ends)) {}

  std::shared_ptr<detail::descriptor_ends> ends_;
};

}  // namespace duplex
