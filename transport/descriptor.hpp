// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/bytes.hpp>
#include <duplex/descriptor.hpp>

#include "transport/unique_fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <string_view>

namespace duplex::detail {

/// One descriptor and what can be done with it.
struct descriptor_end {
  enum class kind : std::uint8_t { socket, pipe, terminal, other };
  transport::unique_fd fd;
  kind what = kind::other;
  bool is_polled = false;  // else it is always ready, as files are

  [[nodiscard]] std::string_view name() const noexcept;
};

/// *Worker-bound.* The two ends of a `descriptor`. Nothing here blocks but a file's disk.
class descriptor_ends {
 public:
  /// Without `out`, `in` is both.
  descriptor_ends(descriptor_end in, descriptor_end out)
      : in_(std::move(in)), out_(std::move(out)), is_one_(!out_.fd) {}

  [[nodiscard]] const descriptor_end& in() const noexcept { return in_; }
  [[nodiscard]] const descriptor_end& out() const noexcept { return is_one_ ? in_ : out_; }
  /// Whether one socket is both: shutting it down ends the reading, too.
  [[nodiscard]] bool is_one_socket() const noexcept { return is_one_ && in_.what == descriptor_end::kind::socket; }

  /// How many bytes came, 0 at the end, or minus the error's number.
  ssize_t read(char* into, std::size_t size) const noexcept;
  /// How many bytes went, or minus the error's number; no signal.
  ssize_t write(std::string_view data) const noexcept;
  /// Whoever reads the other side sees the end: of a pipe, when all its writers have closed.
  void end_writing() noexcept;
  /// Ends both directions of a socket, also for those who have a copy of it.
  void cut() const noexcept;

 private:
  descriptor_end in_, out_;
  bool is_one_;
};

}  // namespace duplex::detail
