// SPDX-License-Identifier: BSD-2-Clause
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

/// What the programs of all systems share. One program is server and client of one system:
///
///     bench_X serve WORKLOAD [KEY=VALUE...]        prints "listening ADDRESS", serves until its stdin ends
///     bench_X run WORKLOAD ADDRESS [KEY=VALUE...]  prints "FIGURE NUMBER" lines; after "mark NAME" it waits for a line
///
/// bench.py starts both, pins them, reads CPU time and memory of both at the marks, and compares. Environment:
/// BENCH_SECONDS is how long a figure is measured; BENCH_DIR holds tls.key and tls.crt (P-256, self-signed, for
/// 127.0.0.1; each side's certificate and its authority), id and id.pub (Ed25519, of both sides).
namespace bench {

using clock = std::chrono::steady_clock;

inline constexpr std::size_t small_size = 64;
inline constexpr std::size_t bulk_size = std::size_t{1} << 20;
inline constexpr std::size_t in_flight = 64;
/// A frame of this size ends a one-way stream: the receiver answers it.
inline constexpr std::size_t last_size = 1;

using settings = std::map<std::string, std::string, std::less<>>;

/// The value of KEY=VALUE on the command line, or `otherwise`.
std::string setting(const settings& of, std::string_view key, std::string otherwise);
std::size_t setting(const settings& of, std::string_view key, std::size_t otherwise);

struct workload {
  /// Returns when serving has begun, with its address; keep what must live in a static or leak it: the process ends by
  /// _exit when its stdin ends. Null where the workload needs no server.
  std::function<std::string(const settings&)> serve;
  std::function<void(const std::string& address, const settings&)> run;
};

/// Main of every program.
int main(int argc, char** argv, const std::map<std::string, workload>& workloads);

[[noreturn]] void fail(const std::string& what);

/// Path of a file in BENCH_DIR.
std::string file(std::string_view name);

/// How long a figure is measured; a fifth of that is warmed up before.
std::chrono::duration<double> measured_time();

void report(std::string_view figure, double value);

/// Has bench.py take CPU time and memory of both processes.
void mark(std::string_view name);

/// The time of each round trip. Use: `while (trips.lap()) trip();` then report().
class round_trips {
 public:
  /// Ends the trip before, begins one; false when the time is over.
  bool lap();
  /// p50 and p99 in microseconds, with `prefix` before the names.
  void report(std::string_view prefix = "") const;

 private:
  clock::time_point begun_ = clock::now(), last_ = begun_;
  bool measuring_ = false, trip_ = false;
  std::vector<float> took_;
};

/// Counts what is done per second. Use: `while (!meter.done()) { work(); }`, from one thread.
class meter {
 public:
  /// Counts `n` and says whether the time is over.
  bool done(std::uint64_t n = 1);
  /// Per second, of what was counted after the warm-up.
  double rate() const;

 private:
  clock::time_point begun_ = clock::now(), ended_{};
  bool measuring_ = false;
  std::uint64_t count_ = 0;
};

/// Of a one-way stream of small frames: what the receiver answers to the last, and the sender compares.
struct tally {
  std::uint64_t frames = 0, sum = 0, bytes = 0;
  /// Adds one frame: its eight words for a small one, its size for others.
  void add(const void* data, std::size_t size);
  bool operator==(const tally&) const = default;
};

/// The sender of a one-way stream of frames of one size, for the measured time. Use: send each next(); when it is empty
/// send a frame of last_size, and hand the receiver's answer to finish().
class one_way {
 public:
  /// Small frames say where they are in the stream; bulk ones are measured between the marks `begin` and `end`.
  explicit one_way(std::size_t size);
  /// Valid until the next call.
  std::string_view next();
  /// Compares, and reports `frames` per second, or `mb_per_second` and `bytes`.
  void finish(const tally& received) const;

 private:
  std::string frame_;
  tally sent_;
  clock::time_point begun_;
};

}  // namespace bench
