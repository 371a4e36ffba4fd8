// SPDX-License-Identifier: BSD-2-Clause
#define OPENSSL_API_COMPAT 0x10100000L  // RAND_METHOD is deprecated since 3.0; its successor is a provider
#include "tools/bench/kernel_random.hpp"

#include "tools/bench/harness.hpp"

#include <openssl/rand.h>
#include <sys/random.h>

namespace bench {
namespace {

// getrandom(2) gives up to 256 bytes whole, once the kernel has been seeded; more is left to OpenSSL's generator.
constexpr int whole = 256;

int bytes(unsigned char* to, int size) {
  if (size <= whole && getrandom(to, static_cast<std::size_t>(size), 0) == size) return 1;
  return RAND_OpenSSL()->bytes(to, size);
}

int status() { return 1; }

}  // namespace

void use_kernel_random() {
  static const RAND_METHOD method{nullptr, bytes, nullptr, nullptr, bytes, status};
  if (RAND_set_rand_method(&method) != 1) fail("RAND_set_rand_method");
}

}  // namespace bench
