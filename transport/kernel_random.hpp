// SPDX-License-Identifier: BSD-2-Clause
#pragma once

struct ossl_lib_ctx_st;

namespace duplex::transport {

/// *Thread-bound.* While it lives, OpenSSL draws random bytes for this thread from the kernel, getrandom(2), instead of
/// its own generator, which executes 7,000 instructions for the padding of one packet (RFC 4253 section 6). The rest of
/// the process keeps what it has chosen. Put it around calls into libssh that send, and never around what may call the
/// application, its log aside: within it OpenSSL has its default provider, and none that the application has loaded.
/// Does nothing where the generator has to be OpenSSL's (FIPS).
class kernel_random {
 public:
  kernel_random() noexcept;
  ~kernel_random();
  kernel_random(const kernel_random&) = delete;
  kernel_random& operator=(const kernel_random&) = delete;

 private:
  ossl_lib_ctx_st* before_ = nullptr;
};

}  // namespace duplex::transport
