// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/options.hpp>

#include <libssh/libssh.h>

#include <string>

namespace duplex::transport {

/// *Value.* What the access list says of a key: allowed or not, and the line or the reason, for the log.
struct verdict {
  bool allowed = false;
  std::string why;      ///< "authorized_keys:3" or "no line of authorized_keys holds SHA256:..."
  std::string comment;  ///< of the line
};

/// Looks a client's key up in what `options::authorized_keys` names; the file is read each time, as sshd does.
verdict check_client_key(const options& of, ssh_key client);

}  // namespace duplex::transport
