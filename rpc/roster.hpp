// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/messages.hpp>
#include <duplex/rpc/status.hpp>

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace duplex::rpc::detail {

/// *Any thread.* The remote peers that calls may go to, and what each of them serves. The mutex stands for a mailbox.
class roster {
 public:
  using clock = std::chrono::steady_clock;

  /// Peers that were there before the first event.
  void begin(const std::vector<peer_info>& there);
  void event(const peer_event& what);
  /// What it serves, from reflection.
  void learn(const std::string& peer, std::set<std::string> methods);
  /// A call found out that it does not.
  void refused(const std::string& peer, const std::string& method);

  /// Names in their order: the live peers, not leaving, that serve the method or of which that is not known.
  /// None of those in `except`.
  [[nodiscard]] std::vector<std::string> serving(const std::string& method,
                                                 const std::vector<std::string>& except = {}) const;
  /// All live ones that are not leaving.
  [[nodiscard]] std::vector<std::string> live() const;
  /// Of these the one whose turn it is to get a call of that method.
  std::string turn(const std::string& method, const std::vector<std::string>& among);
  /// Those to ask what they serve, each once in a while: services come and go.
  [[nodiscard]] std::vector<std::string> to_ask(clock::time_point now);
  /// How many sessions lead there, at least 1.
  [[nodiscard]] std::size_t sessions(const std::string& peer) const;

 private:
  static constexpr std::chrono::seconds stale{10};
  struct entry {
    std::size_t sessions = 1;
    bool leaving = false;
    clock::time_point asked{};
    std::optional<std::set<std::string>> methods;  // unknown until it has answered
    std::set<std::string> refused;                 // since then
  };
  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, entry> peers_;
  std::map<std::string, std::string> last_;  // by method: who got the last call
};

/// The one after the last, in the order of names. At least one.
std::string after(const std::vector<std::string>& names, const std::string& last);

/// *Any thread.* How often calls may be tried again: a tenth of all calls, and a hundred in reserve for the moment when
/// a peer is lost under load. Without a bound, retries would be what keeps an overloaded system down.
class retry_budget {
 public:
  void call();
  /// False when it is spent.
  bool take();

 private:
  std::mutex mutex_;
  double left_ = 100;
};

}  // namespace duplex::rpc::detail
