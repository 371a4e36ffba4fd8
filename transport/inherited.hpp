// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/result.hpp>

#include "transport/authorized_keys.hpp"
#include "transport/unique_fd.hpp"

#include <string>

namespace duplex::transport {

// What this process has from the one that started it. What is taken is taken for good: the number is free afterwards,
// but 0, 1 and 2, which stay open for what the application reads and prints: /dev/null, stderr and /dev/null. Thread:
// any.

/// True when that descriptor is a socket that listens, as systemd passes on.
bool is_listening(int number) noexcept;
/// A connected stream socket. Errors: `invalid_argument`, `io`.
result<unique_fd> take_connected(int number);
/// A listening stream socket. Errors: `invalid_argument`, `io`.
result<unique_fd> take_listening(int number);

/// Without `out` one socket is both.
struct standard_streams {
  unique_fd in, out;
};
/// stdin and stdout: a socket, or two of sockets and pipes. Once in a process. Errors: `invalid_argument`,
/// `already_exists`, `io`.
result<standard_streams> take_standard_streams();

/// Holds the key of the process that started this one for an `exec:` endpoint.
inline constexpr const char* parent_key_variable = "DUPLEX_PARENT_KEY";
/// The list of that key alone; null when the variable is not set. Errors: `invalid_argument`.
result<authorized_keys_ptr> parent_key();
/// Removes the variable, so that it means nothing to what this process starts.
void forget_parent_key() noexcept;

}  // namespace duplex::transport
