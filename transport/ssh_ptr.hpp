// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <libssh/libssh.h>
#include <libssh/server.h>

#include <memory>
#include <string>

namespace duplex::transport {

struct ssh_deleter {
  void operator()(ssh_key k) const noexcept { ssh_key_free(k); }
  void operator()(ssh_bind b) const noexcept { ssh_bind_free(b); }
  void operator()(char* text) const noexcept { ssh_string_free_char(text); }
};

using ssh_key_ptr = std::unique_ptr<ssh_key_struct, ssh_deleter>;
using ssh_bind_ptr = std::unique_ptr<ssh_bind_struct, ssh_deleter>;
using ssh_text_ptr = std::unique_ptr<char, ssh_deleter>;

/// "SHA256:..." of a public key.
std::string fingerprint_of(ssh_key key);
/// "ssh-ed25519 AAAA..." of a public key.
std::string public_line_of(ssh_key key);

}  // namespace duplex::transport

namespace duplex::detail {
/// *Value.* What a `key` shares with its copies.
struct key_rep {
  explicit key_rep(transport::ssh_key_ptr of) : key(std::move(of)), fingerprint(transport::fingerprint_of(key.get())) {}

  transport::ssh_key_ptr key;
  std::string fingerprint;  // each login names it
};
}  // namespace duplex::detail
