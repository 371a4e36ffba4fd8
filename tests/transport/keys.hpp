// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/key.hpp>

#include "transport/ssh_ptr.hpp"

#include <catch2/catch.hpp>

namespace transport_tests {

/// The public half, as libssh hands it to its callbacks.
inline duplex::transport::ssh_key_ptr shown(const duplex::key& of) {
  ssh_key raw = nullptr;
  REQUIRE(ssh_pki_export_privkey_to_pubkey(of.rep().key.get(), &raw) == SSH_OK);
  return duplex::transport::ssh_key_ptr{raw};
}

}  // namespace transport_tests
