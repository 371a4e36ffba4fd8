// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/peer.hpp>

#include "rpc/builtin.hpp"
#include "rpc/link.hpp"
#include "rpc/roster.hpp"
#include "rpc/served.hpp"
#include "runtime/requester.hpp"

#include <caf/actor.hpp>

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace duplex::rpc::detail {

/// *Value.* A method that is served here.
struct method {
  std::string name, signature, kind, documentation;
  std::map<std::string, std::vector<std::pair<std::string, std::string>>> types;  // that the signature names
  bool idempotent = false;
  servable_ptr target;
  std::shared_ptr<load> limit;
};

/// *Value.* What holds for a call when it begins.
struct call_rules {
  codec_limits limits;
  interceptors seen_by;
};

/// *Any thread.* What a peer has for RPC: the methods it serves, and the call channels to its remote peers. The mutex
/// stands for the mailbox that it does not have; it is never held while anybody's code runs.
class rpc_core : public std::enable_shared_from_this<rpc_core> {
 public:
  /// The one of that peer, made and started with the first call.
  static std::shared_ptr<rpc_core> of(const duplex::peer& self);
  explicit rpc_core(const duplex::peer& self);

  // Services.
  result<void> add(const std::string& service, const std::vector<method_ptr>& methods, const serve_options& how);
  result<void> withdraw(std::string_view service);
  [[nodiscard]] method_ptr find(std::string_view name) const;
  [[nodiscard]] std::vector<method_ptr> methods() const;

  // Calls.
  /// A call channel to that remote peer: the one there is, or a new one that is opening.
  link_ptr link_to(const std::string& peer, const codec_ptr& codec);
  /// It has. Calls that it has left to their channels are abandoned when the peer ends; false: that has been.
  bool ended(const link_ptr& which, bool with_calls);
  [[nodiscard]] std::size_t pending_at(const std::string& peer) const;
  /// Remote peers, for calls that name none: known from `find_peers` on, when that has waited at once.
  [[nodiscard]] roster& peers() noexcept { return peers_; }
  void find_peers(bool wait);
  /// Asks those that have not told for a while what they serve, in the background.
  void ask_around();
  [[nodiscard]] retry_budget& budget() noexcept { return budget_; }
  [[nodiscard]] std::size_t lent() const;
  [[nodiscard]] const duplex::peer& self() const noexcept { return self_; }
  /// Where deadlines are watched.
  [[nodiscard]] const executor& on() const noexcept { return on_; }

  [[nodiscard]] health_board& health() noexcept { return *health_; }

  // What every call goes through.
  [[nodiscard]] codec_ptr find_codec(std::string_view name) const;
  [[nodiscard]] std::string codec_names() const;
  [[nodiscard]] std::vector<std::string> codec_list() const;
  void add_codec(codec_ptr codec);
  [[nodiscard]] call_rules rules(side at) const;
  void add_interceptor(side at, interceptor_factory made_by);
  void set_limits(const codec_limits& to);

 private:
  class event_listener;
  [[nodiscard]] std::vector<link_ptr> links(const std::string& peer) const;
  void start();
  void peer_ended();
  void refresh(std::function<void()> then);
  void on_event(const peer_event& what);
  static task<void> ask(std::shared_ptr<rpc_core> self, std::string peer);
  task<void> accept(std::shared_ptr<rpc_core> self, channel ch);

  const duplex::peer self_;
  const executor on_;
  const caf::intrusive_ptr<duplex::detail::requester> watcher_;  // of the peer
  roster peers_;
  retry_budget budget_;
  const std::shared_ptr<health_board> health_ = std::make_shared<health_board>();

  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, method_ptr, std::less<>> methods_;
  caf::actor acceptor_;               // takes the channels that are opened to a method by its name
  std::set<std::string> registered_;  // the names that the core knows, for good
  // Those opened here, by remote peer and codec: one for each session, in turns.
  struct link_group {
    std::vector<link_ptr> links;
    std::size_t turn = 0;
  };
  struct by_view {  // finds without making strings
    using is_transparent = void;
    using view = std::pair<std::string_view, std::string_view>;
    bool operator()(const view& a, const view& b) const { return a < b; }
  };
  std::map<std::pair<std::string, std::string>, link_group, by_view> links_;  // by peer and codec
  std::map<link*, std::weak_ptr<link>> accepted_;
  std::vector<std::weak_ptr<link>> past_;  // ended, with calls that their own channels will end
  codec_registry codecs_;
  std::vector<interceptor_factory> callers_, handlers_;
  codec_limits limits_;
  bool finding_ = false, ended_ = false;
};

}  // namespace duplex::rpc::detail
