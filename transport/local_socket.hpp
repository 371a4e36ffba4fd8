// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/meta.hpp>
#include <duplex/options.hpp>

#include <sys/types.h>

#include <optional>

namespace duplex::transport {

// What unix sockets have and others do not. Thread: any.

/// AF_INET and so on; AF_UNSPEC for what is no socket.
int family_of(int socket) noexcept;
bool is_local(int socket) noexcept;
/// With the system's own buffer a writer is woken too late to keep the reader busy.
void enlarge_send_buffer(int socket) noexcept;
/// The process at the other end; nothing where the system does not know it.
std::optional<credentials> remote_process(int socket) noexcept;
/// The permissions that option stream_local_bind_mask leaves.
mode_t socket_mode(const options& of);
/// Nothing when option allow_users lets in that process' user, otherwise why not. Looks users up by their names.
error check_user(const options& of, const std::optional<credentials>& who);

}  // namespace duplex::transport
