// SPDX-License-Identifier: BSD-2-Clause
// A library context of OpenSSL's whose generator is ours: provider(7), provider-rand(7). A thread's default context can
// be changed (OSSL_LIB_CTX_set0_default), where RAND_set_rand_method would change the process.
#include "transport/kernel_random.hpp"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <sys/random.h>

#include <algorithm>
#include <new>

namespace duplex::transport {
namespace {

constexpr const char* generator_name = "DUPLEX-KERNEL";
constexpr const char* provider_name = "duplex";
constexpr std::size_t whole = 256;  // getrandom(2) gives up to that many bytes whole, once the kernel has been seeded
constexpr std::size_t longest_padding = 24;  // libssh pads with 4 to 19 bytes
constexpr unsigned strength_in_bits = 256;

/// OpenSSL keeps one for each thread. Padding is drawn ahead; anything longer, such as a key, when it is wanted.
class generator {
 public:
  bool generate(unsigned char* to, std::size_t size) noexcept {
    if (size > longest_padding) return draw(to, size);
    if (left_ < size) {
      left_ = 0;
      if (!draw(ahead_, whole)) return false;
      left_ = whole;
    }
    left_ -= size;
    std::copy_n(ahead_ + left_, size, to);
    return true;
  }

 private:
  static bool draw(unsigned char* to, std::size_t size) noexcept {
    return ::getrandom(to, size, 0) == static_cast<ssize_t>(size);
  }
  unsigned char ahead_[whole];
  std::size_t left_ = 0;
};

// What OpenSSL calls; its types are in core_dispatch.h.
extern "C" {

static void* generator_new(void*, void*, const OSSL_DISPATCH*) { return new (std::nothrow) generator; }
static void generator_free(void* which) { delete static_cast<generator*>(which); }
static int generator_begin(void*, unsigned, int, const unsigned char*, std::size_t, const OSSL_PARAM[]) { return 1; }
static int generator_end(void*) { return 1; }
static int generator_lock(void*) { return 1; }
static int generate(void* which, unsigned char* to, std::size_t size, unsigned strength, int, const unsigned char*,
                    std::size_t) {
  return strength <= strength_in_bits && static_cast<generator*>(which)->generate(to, size) ? 1 : 0;
}
static int generator_describe(void*, OSSL_PARAM asked[]) {
  const auto at = [&](const char* name) { return OSSL_PARAM_locate(asked, name); };
  if (auto* p = at(OSSL_RAND_PARAM_STATE)) OSSL_PARAM_set_int(p, EVP_RAND_STATE_READY);
  if (auto* p = at(OSSL_RAND_PARAM_STRENGTH)) OSSL_PARAM_set_uint(p, strength_in_bits);
  if (auto* p = at(OSSL_RAND_PARAM_MAX_REQUEST)) OSSL_PARAM_set_size_t(p, whole);
  return 1;
}

using function = void (*)();

static const OSSL_ALGORITHM* algorithms_for(void*, int operation, int* no_cache) {
  static const OSSL_DISPATCH functions[] = {{OSSL_FUNC_RAND_NEWCTX, function(generator_new)},
                                            {OSSL_FUNC_RAND_FREECTX, function(generator_free)},
                                            {OSSL_FUNC_RAND_INSTANTIATE, function(generator_begin)},
                                            {OSSL_FUNC_RAND_UNINSTANTIATE, function(generator_end)},
                                            {OSSL_FUNC_RAND_GENERATE, function(generate)},
                                            {OSSL_FUNC_RAND_ENABLE_LOCKING, function(generator_lock)},
                                            {OSSL_FUNC_RAND_GET_CTX_PARAMS, function(generator_describe)},
                                            {0, nullptr}};
  static const OSSL_ALGORITHM algorithms[] = {{generator_name, "provider=duplex", functions, "getrandom(2)"},
                                              {nullptr, nullptr, nullptr, nullptr}};
  *no_cache = 0;
  return operation == OSSL_OP_RAND ? algorithms : nullptr;
}

static int provider_begin(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** ours, void** state) {
  static const OSSL_DISPATCH functions[] = {{OSSL_FUNC_PROVIDER_QUERY_OPERATION, function(algorithms_for)},
                                            {0, nullptr}};
  static int none = 0;
  *ours = functions;
  *state = &none;
  return 1;
}
}

// With OpenSSL's default provider for all else: a write may begin a new key exchange.
OSSL_LIB_CTX* make_context() {
  if (EVP_default_properties_is_fips_enabled(nullptr) != 0) return nullptr;
  auto* made = OSSL_LIB_CTX_new();
  if (made != nullptr && OSSL_PROVIDER_add_builtin(made, provider_name, provider_begin) == 1 &&
      OSSL_PROVIDER_load(made, provider_name) != nullptr && OSSL_PROVIDER_load(made, "default") != nullptr &&
      RAND_set_DRBG_type(made, generator_name, nullptr, nullptr, nullptr) == 1)
    return made;
  OSSL_LIB_CTX_free(made);
  return nullptr;
}

}  // namespace

kernel_random::kernel_random() noexcept {
  static OSSL_LIB_CTX* const context = make_context();  // for the life of the process: threads keep generators in it
  if (context != nullptr) before_ = OSSL_LIB_CTX_set0_default(context);
}

kernel_random::~kernel_random() {
  if (before_ != nullptr) OSSL_LIB_CTX_set0_default(before_);
}

}  // namespace duplex::transport
