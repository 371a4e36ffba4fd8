// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/endpoint.hpp>
#include <duplex/result.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace duplex {

/// *Value.* The public key by which a host is known.
struct host_key {
  std::string line;         ///< "ssh-ed25519 AAAA...", as in known_hosts
  std::string fingerprint;  ///< "SHA256:...", as ssh-keygen -lf prints it
};

/// *Value.* A key that known_hosts lists for an endpoint, and where.
struct listed_host_key {
  host_key key;
  std::string file;
  std::size_t line;  ///< its number, from 1
};

/// *Value.* What `trust_host` did.
struct trusted_host {
  enum class change : std::uint8_t { none, added, replaced };

  change what;
  std::string file;
};

/// The key that the host at a tcp or unix endpoint shows, by a key exchange without authentication, as ssh-keyscan
/// does. Blocks, `limit` at most; a host name takes as long to look up as the system's resolver does. Errors:
/// `connection_failed`, `timed_out`, `unsupported`. Thread: any but a worker's.
result<host_key> fetch_host_key(const endpoint& where, std::chrono::milliseconds limit);

// In what follows `file` is a known_hosts file: lines `percent-encoded-endpoint keytype base64`. Empty: the one of the
// configuration folder.

/// The keys that are listed for `where`; none when there is no such file. Malformed lines are passed over. Thread: any.
std::vector<listed_host_key> known_host_keys(const std::string& file, const endpoint& where);

/// Lists that key for `where`: adds a line, or puts it in the place of those with other keys. The file is made with
/// mode 0600, its folder with 0700. Waits for another process that does the same. Errors: `host_key` when the file
/// cannot be written, `invalid_argument` when `shown.line` is no key. Thread: any but a worker's.
result<trusted_host> trust_host(const std::string& file, const endpoint& where, const host_key& shown);

}  // namespace duplex
