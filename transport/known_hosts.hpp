// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/endpoint.hpp>
#include <duplex/options.hpp>

#include <libssh/libssh.h>

namespace duplex::transport {

/// Checks the key that a host showed against `options::host_key`, else known_hosts. Errors: `host_key`, with the
/// fingerprint and the line that would admit it.
result<void> check_host_key(const options& of, const endpoint& host, ssh_key shown);

}  // namespace duplex::transport
