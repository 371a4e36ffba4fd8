// SPDX-License-Identifier: BSD-2-Clause
#include "transport/kernel_random.hpp"

#include <catch2/catch.hpp>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <set>
#include <string>
#include <thread>

using duplex::transport::kernel_random;

namespace {

// Which generator RAND_bytes asks on this thread.
std::string generator() {
  auto* asked = RAND_get0_public(nullptr);
  REQUIRE(asked != nullptr);
  return EVP_RAND_get0_name(EVP_RAND_CTX_get0_rand(asked));
}

template <std::size_t Size> std::string drawn() {
  std::array<unsigned char, Size> bytes{};
  REQUIRE(RAND_bytes(bytes.data(), static_cast<int>(Size)) == 1);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("kernel random: OpenSSL asks the kernel within the scope, on that thread, and its own generator elsewhere",
          "[kernel random]") {
  const auto own = generator();
  {
    const kernel_random here;
    CHECK(generator() == "DUPLEX-KERNEL");
    {
      const kernel_random again;
      CHECK(generator() == "DUPLEX-KERNEL");
    }
    CHECK(generator() == "DUPLEX-KERNEL");
    std::string elsewhere;
    std::thread{[&] { elsewhere = generator(); }}.join();
    CHECK(elsewhere == own);
  }
  CHECK(generator() == own);
  CHECK(own != "DUPLEX-KERNEL");
}

TEST_CASE("kernel random: no two draws are the same, whatever their size, nor on two threads", "[kernel random]") {
  std::set<std::string> seen;
  constexpr std::size_t rounds = 100;  // padding is drawn ahead, 256 bytes at a time
  const auto draw = [&] {
    const kernel_random here;
    for (std::size_t i = 0; i < rounds; ++i) {
      seen.insert(drawn<12>());
      seen.insert(drawn<24>());
      seen.insert(drawn<25>());
      seen.insert(drawn<1000>());
    }
  };
  draw();
  std::thread{draw}.join();
  CHECK(seen.size() == 2 * 4 * rounds);
}

TEST_CASE("kernel random: what is drawn is not mostly zero", "[kernel random]") {
  const kernel_random here;
  std::string all;
  for (int i = 0; i < 200; ++i) all += drawn<19>();
  std::array<int, 256> count{};
  for (const unsigned char c : all) ++count[c];
  // 3,800 bytes: 15 of each are expected; 60 of one has less than one chance in 10^15.
  for (const int n : count) CHECK(n < 60);
}

TEST_CASE("kernel random: keys are made and used within it, whatever they were made for", "[kernel random]") {
  const std::string text = "signed";
  const auto make = [] { return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"); };
  const auto sign = [&](EVP_PKEY* with) {
    auto* context = EVP_MD_CTX_new();
    std::string made(64, '\0');
    std::size_t size = made.size();
    const bool is_good = EVP_DigestSignInit(context, nullptr, nullptr, nullptr, with) == 1 &&
                         EVP_DigestSign(context, reinterpret_cast<unsigned char*>(made.data()), &size,
                                        reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
    EVP_MD_CTX_free(context);
    CHECK(is_good);
    return made;
  };
  auto* before = make();
  const auto outside = sign(before);
  EVP_PKEY* within = nullptr;
  std::string inside;
  {
    const kernel_random here;
    CHECK(sign(before) == outside);
    within = make();
    inside = sign(within);
  }
  CHECK(sign(within) == inside);
  CHECK(EVP_PKEY_eq(before, within) == 0);
  EVP_PKEY_free(before);
  EVP_PKEY_free(within);
}
