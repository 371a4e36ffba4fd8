// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "tests/actors/hub/pattern.hpp"

#include <duplex/duplex.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace duplex::test {

namespace asio = boost::asio;
using namespace std::chrono_literals;

/// The longest any test waits for something that ought to happen.
inline constexpr auto patience = 20s;

/// Waits until `claim` holds, by looking again and again; false when it never does.
inline bool eventually(const std::function<bool()>& claim) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!claim()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

/// What was seen by handlers on other threads, to be waited for.
template <class T> class seen {
 public:
  void add(T what) {
    std::lock_guard lock{mutex_};
    list_.push_back(std::move(what));
    changed_.notify_all();
  }
  /// The list once it has `count` items, or what there is after all patience.
  std::vector<T> wait_for(std::size_t count) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, patience, [&] { return list_.size() >= count; });
    return list_;
  }
  void clear() {
    std::lock_guard lock{mutex_};
    list_.clear();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<T> list_;
};

inline const key& test_key() {
  static const key k = key::generate();
  return k;
}

/// With the key of the tests on both sides, unless there is one.
inline options with_keys(options settings = {}) {
  if (!settings.identity.empty()) return settings;
  settings.identity = test_key().text();
  settings.authorized_keys = test_key().public_line();
  settings.host_key = test_key().fingerprint();
  return settings;
}

/// Two peers of one runtime, `me` connected to `hub`, over loopback if no other endpoint is given.
struct pair {
  explicit pair(options for_both = {}, std::size_t workers = 2) : pair(loopback, for_both, for_both, workers) {}
  pair(options for_hub, options for_me, std::size_t workers = 2) : pair(loopback, for_hub, for_me, workers) {}
  explicit pair(std::string_view bound, options for_both = {}, std::size_t workers = 2)
      : pair(bound, for_both, for_both, workers) {}
  pair(std::string_view bound, options for_hub, options for_me, std::size_t workers = 2)
      : rt(runtime_options{workers, {}}) {
    for_hub.name = "hub";
    for_me.name = "me";
    hub = rt.spawn_peer(with_keys(for_hub));
    me = rt.spawn_peer(with_keys(for_me));
    const auto at = hub.bind(bound);
    if (!at) FAIL(at.error().message());
    where = at->str();
    if (auto up = me.connect(where); !up) FAIL(up.error().message());
  }

  /// A channel from me to hub, both ends.
  std::pair<channel, channel> open(std::string_view service = "test", const std::vector<std::string>& headers = {}) {
    (void)hub.serve(service);
    auto near = me.open("hub", service, headers);
    if (!near) FAIL(near.error().message());
    auto far = hub.accept(service);
    if (!far) FAIL(far.error().message());
    return {*near, *far};
  }

  static constexpr std::string_view loopback = "tcp://127.0.0.1:0";

  runtime rt;
  peer hub, me;
  std::string where;
};

/// Reads raw bytes until the end of the stream.
inline std::string read_all(channel& from, error* why = nullptr) {
  std::string all;
  for (;;) {
    auto some = from.read();
    if (!some) {
      if (why != nullptr) *why = some.error();
      return all;
    }
    all.append(some->view());
  }
}

}  // namespace duplex::test

template <> struct Catch::StringMaker<duplex::error> {
  static std::string convert(const duplex::error& e) { return e ? e.message() : "no error"; }
};
