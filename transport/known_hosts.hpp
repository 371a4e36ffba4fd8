// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/endpoint.hpp>
#include <duplex/known_hosts.hpp>
#include <duplex/options.hpp>

#include <libssh/libssh.h>

#include <string>

namespace duplex::transport {

/// A key as known_hosts would list it.
host_key described(ssh_key key);

/// Checks the key that a host showed against `options::host_key`, else known_hosts. Gives the file that the host was
/// added to by the policy accept_new, else an empty text. Errors: `host_key`, with the fingerprint and the command that
/// would admit it.
result<std::string> check_host_key(const options& of, const endpoint& host, const host_key& shown);

/// Nothing when the option host_key is that fingerprint, or empty. Errors: `host_key`.
error check_pinned_key(const options& of, const std::string& host, const std::string& fingerprint);

}  // namespace duplex::transport
