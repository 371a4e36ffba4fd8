// SPDX-License-Identifier: BSD-2-Clause
// What a small struct costs in each codec, best of five, against nlohmann's DOM. Built by hand:
//   g++ -std=c++20 -O2 -DNDEBUG -Iinclude -I. tools/bench/codec_bench.cpp build/release/libduplex_rpc.a
//   build/release/libduplex_values.a
#include <duplex/rpc/archive.hpp>
#include <duplex/rpc/codec/cereal.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace {

namespace rpc = duplex::rpc;

struct task {
  std::uint64_t id = 0;
  std::string name;
  int priority = 0;
  double cost = 0;
  bool done = false;
  std::vector<std::string> tags;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(task, id, name, priority, cost, done, tags)
};

double nanoseconds(int rounds, auto run) {
  using clock = std::chrono::steady_clock;
  double best = 1e18;
  for (int attempt = 0; attempt < 6; ++attempt) {  // the first warms up
    const auto start = clock::now();
    for (int i = 0; i < rounds; ++i) run();
    const std::chrono::duration<double, std::nano> took = clock::now() - start;
    if (attempt > 0) best = std::min(best, took.count() / rounds);
  }
  return best;
}

void row(const char* name, std::size_t size, double encode, double decode) {
  std::printf("%-26s %8zu %10.0f %10.0f\n", name, size, encode, decode);
}

template <class T> void ours(const rpc::codec& by, const T& value, int rounds) {
  const auto& ops = rpc::ops_of<T, rpc::cereal>();
  std::string message;
  rpc::encode(message, by, ops, &value, nullptr);
  std::string out;
  const auto write = nanoseconds(rounds, [&] {
    out.clear();
    rpc::encode(out, by, ops, &value, nullptr);
  });
  const auto read = nanoseconds(rounds, [&] {
    T into{};
    rpc::decode(message, by, ops, &into, {}, nullptr);
  });
  row(std::string{by.name()}.c_str(), message.size(), write, read);
}

template <class T> void all(const T& value, int rounds) {
  using dom = nlohmann::json;
  for (const auto& by : {rpc::msgpack(), rpc::cbor(), rpc::json(), rpc::cereal_codec()}) ours(*by, value, rounds);
  std::size_t kept = 0;
  const auto binary = dom::to_msgpack(dom(value));
  row("nlohmann DOM, msgpack", binary.size(),
      nanoseconds(rounds / 8, [&] { kept += dom::to_msgpack(dom(value)).size(); }), nanoseconds(rounds / 8, [&] {
        auto it = dom::from_msgpack(binary).template get<T>();
        kept += sizeof it;
      }));
  const auto text = dom(value).dump();
  row("nlohmann DOM, JSON", text.size(), nanoseconds(rounds / 8, [&] { kept += dom(value).dump().size(); }),
      nanoseconds(rounds / 8, [&] {
        auto it = dom::parse(text).template get<T>();
        kept += sizeof it;
      }));
}

}  // namespace

int main() {
  const task one{42, "compile everything", 3, 1.25, true, {"fast", "nightly"}};
  std::printf("%-26s %8s %10s %10s\na struct\n", "codec", "bytes", "encode ns", "decode ns");
  all(one, 200'000);
  std::printf("a vector of 1,000\n");
  all(std::vector<task>(1000, one), 400);
}
