// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/options.hpp>

#include "transport/hello.hpp"
#include "transport/messages.hpp"
#include "transport/open_record.hpp"

#include <caf/response_promise.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace duplex::transport {

// What holds for every session, whatever carries it.

/// Why such a channel cannot be opened; nothing when it can. `size` is that of its open record.
error check_open(const std::string& service, std::size_t channels, std::uint64_t max_channels);
error check_record(std::size_t size, std::uint64_t limit);
/// Why such headers, or trailers, cannot travel.
error check_list(const std::vector<std::string>& list);
/// Why a service's name is none.
error check_name(const std::string& service);
/// "within connect_timeout (10000ms)": that option of the time limits, for the text of what came too late.
std::string within(const options& settings, std::string_view limit);
/// For a child whose parent is not there.
error no_parent();

/// What this side says first.
hello own_hello(const options& settings);
/// What is known of a session, with what its remote side has said.
std::shared_ptr<session_info> introduced(const session_info& about, const hello& said);

/// *Worker-bound.* The pings of a session that wait for their answers.
class ping_list {
 public:
  /// One that the next `send` counts for.
  void add(caf::response_promise answer) { waiting_.push_back({0, {}, std::move(answer)}); }
  /// The number of a ping that leaves now.
  std::uint64_t send();
  void answered(std::uint64_t number);
  void fail(const error& why);

 private:
  struct ping {
    std::uint64_t number;
    std::chrono::steady_clock::time_point sent;
    caf::response_promise answer;
  };
  std::vector<ping> waiting_;
  std::uint64_t next_ = 1;
};

}  // namespace duplex::transport
