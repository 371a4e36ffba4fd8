// SPDX-License-Identifier: BSD-2-Clause
#include "tools/bench/harness.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bench {

std::string setting(const settings& of, std::string_view key, std::string otherwise) {
  const auto found = of.find(key);
  return found == of.end() ? otherwise : found->second;
}

std::size_t setting(const settings& of, std::string_view key, std::size_t otherwise) {
  const auto found = of.find(key);
  return found == of.end() ? otherwise : std::stoul(found->second);
}

void fail(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, what.c_str());
  std::_Exit(1);
}

std::string file(std::string_view name) {
  const char* directory = std::getenv("BENCH_DIR");
  if (!directory) fail("BENCH_DIR is not set: run by ./dev bench");
  return std::string(directory) + "/" + std::string(name);
}

std::chrono::duration<double> measured_time() {
  static const auto time = [] {
    const char* text = std::getenv("BENCH_SECONDS");
    return std::chrono::duration<double>(text ? std::atof(text) : 0.5);
  }();
  return time;
}

void report(std::string_view figure, double value) {
  std::printf("%.*s %.6g\n", static_cast<int>(figure.size()), figure.data(), value);
  std::fflush(stdout);
}

void mark(std::string_view name) {
  std::printf("mark %.*s\n", static_cast<int>(name.size()), name.data());
  std::fflush(stdout);
  for (char c = 0; c != '\n';)
    if (read(STDIN_FILENO, &c, 1) != 1) fail("nobody answers a mark");
}

namespace {

/// When the warm-up is over: a fifth of the measured time.
bool is_warm(clock::time_point begun, clock::time_point now) { return now - begun >= measured_time() / 5; }

void serve_until_stdin_ends() {
  for (char c = 0; read(STDIN_FILENO, &c, 1) == 1;) {
  }
}

}  // namespace

bool round_trips::lap() {
  const auto now = clock::now();
  if (measuring_ && trip_) took_.push_back(std::chrono::duration<float, std::micro>(now - last_).count());
  if (!measuring_ && is_warm(begun_, now)) {
    measuring_ = true;
    begun_ = now;
  }
  trip_ = true;
  last_ = clock::now();
  return !measuring_ || now - begun_ < measured_time();
}

void round_trips::report(std::string_view prefix) const {
  if (took_.empty()) fail("not one round trip was measured");
  auto sorted = took_;
  std::sort(sorted.begin(), sorted.end());
  const auto at = [&](double share) { return sorted[static_cast<std::size_t>(share * double(sorted.size() - 1))]; };
  bench::report(std::string(prefix) + "p50", double(at(0.5)));
  bench::report(std::string(prefix) + "p99", double(at(0.99)));
}

bool meter::done(std::uint64_t n) {
  const auto now = clock::now();
  if (measuring_) {
    count_ += n;
    ended_ = now;
    return now - begun_ >= measured_time();
  }
  if (is_warm(begun_, now)) {
    measuring_ = true;
    begun_ = now;
  }
  return false;
}

double meter::rate() const {
  if (count_ == 0) fail("nothing was done in the measured time");
  return double(count_) / std::chrono::duration<double>(ended_ - begun_).count();
}

void tally::add(const void* data, std::size_t size) {
  ++frames;
  bytes += size;
  if (size != small_size) return;
  std::uint64_t words[small_size / sizeof(std::uint64_t)];
  std::memcpy(words, data, sizeof words);
  for (const auto word : words) sum += word;
}

one_way::one_way(std::size_t size) : frame_(size, 'x') {
  if (size == bulk_size) mark("begin");
  begun_ = clock::now();
}

std::string_view one_way::next() {
  const std::uint64_t glance = frame_.size() == small_size ? 256 : 1;  // the clock costs half a small frame
  if (sent_.frames % glance == 0 && sent_.frames > 0 && clock::now() - begun_ >= measured_time()) return {};
  std::memcpy(frame_.data(), &sent_.frames, sizeof sent_.frames);
  sent_.add(frame_.data(), frame_.size());
  return frame_;
}

void one_way::finish(const tally& received) const {
  const auto took = std::chrono::duration<double>(clock::now() - begun_).count();
  if (received != sent_)
    fail("sent " + std::to_string(sent_.frames) + " frames, the receiver counted " + std::to_string(received.frames) +
         (received.frames == sent_.frames ? " with other content" : ""));
  if (frame_.size() == small_size) return report("frames", double(sent_.frames) / took);
  mark("end");
  report("mb_per_second", double(sent_.bytes) / took / 1e6);
  report("bytes", double(sent_.bytes));
}

int main(int argc, char** argv, const std::map<std::string, workload>& workloads) {
  const auto usage = [&] {
    std::string names;
    for (const auto& [name, unused] : workloads) names += " " + name;
    fail("usage: serve WORKLOAD [KEY=VALUE...] | run WORKLOAD ADDRESS [KEY=VALUE...]; workloads:" + names);
  };
  const std::vector<std::string> words(argv + 1, argv + argc);
  const bool serving = !words.empty() && words[0] == "serve";
  const std::size_t fixed = serving ? 2 : 3;
  if (words.size() < fixed || (!serving && words[0] != "run") || !workloads.contains(words[1])) usage();
  settings given;
  for (std::size_t i = fixed; i < words.size(); ++i) {
    const auto equals = words[i].find('=');
    if (equals == std::string::npos) usage();
    given[words[i].substr(0, equals)] = words[i].substr(equals + 1);
  }
  const auto& what = workloads.at(words[1]);
  if (serving) {
    std::printf("listening %s\n", what.serve ? what.serve(given).c_str() : "nowhere");
    std::fflush(stdout);
    serve_until_stdin_ends();
  } else {
    what.run(words[2], given);
  }
  std::fflush(stdout);
  std::_Exit(0);  // what the workload made may be in use by its threads
}

}  // namespace bench
