// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/handles.hpp>

#include "rpc/call_frame.hpp"
#include "rpc/call_state.hpp"
#include "rpc/served.hpp"

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace duplex::rpc::detail {

class rpc_core;
class call_handles;

/// *Any thread.* One call channel: the small calls of both sides travel on it, and every call with a channel of its own
/// is a child of it, so all of them are on one session; functions are lent across it. Who opened it calls methods by
/// name; both call what was lent. The mutex stands for the mailbox that it does not have; it is never held while
/// anybody's code runs.
class link final : public carrier, public std::enable_shared_from_this<link> {
 public:
  link(std::shared_ptr<rpc_core> of, codec_ptr codec, std::string remote);
  ~link() override;

  /// The open is under way; calls wait for it.
  void open();
  /// It is there; `opened_here` by us.
  void attach(channel ch, bool opened_here);
  /// No more calls: those under way end with `why`, `not_begun` if the other side says so, or as their own channels do;
  /// those to come with the same, not begun.
  void end(const rpc::status& why, bool not_begun = false);
  /// Once it has ended: calls that were left to their channels end now.
  void abandon();
  /// No new calls; closes when those under way have ended.
  void retire();
  [[nodiscard]] bool usable() const noexcept { return usable_; }
  [[nodiscard]] std::size_t pending();
  /// Functions lent to the other side and not given back.
  [[nodiscard]] std::size_t lent();
  [[nodiscard]] const codec_ptr& codec() const noexcept { return codec_; }

  /// Starts a call whose state is made; what is wrong settles it.
  void start(const call_ptr& call, const signature& of, const void* arguments, source_ptr in);
  /// Starts a small call again, with the arguments that it keeps.
  void start_again(const call_ptr& call);

  // carrier
  void cancel(std::uint32_t number) override;
  void settle(std::uint32_t number, ending how) override;

  // For the calls on it.
  result<void> write(std::string_view frame);
  /// Bytes that wait for the network, as long as this lives.
  class queued {
   public:
    queued(std::shared_ptr<link> on, std::size_t size);
    ~queued();
    queued(const queued&) = delete;
    queued& operator=(const queued&) = delete;

   private:
    const std::shared_ptr<link> on_;
    const std::size_t size_;
  };
  /// Something beside calls needs the channel: it does not close by itself before `let_go`.
  void hold();
  void let_go();
  [[nodiscard]] call_ptr find(std::uint32_t number);  // that was made here
  /// Calls served here, until they have ended. One-way calls have a number of their own: from `first_notice` on.
  void forget(std::uint64_t number);
  void remember(std::uint64_t number, const served_ptr& call);
  [[nodiscard]] bool serves(std::uint32_t number);
  handles::lent lend(const servable_ptr& what, const route_ptr& where);
  servable_ptr own(std::uint64_t id);
  void take_back(std::uint64_t id);
  void give_back(std::uint64_t id);
  route_ptr borrow(std::uint64_t id);
  /// Calls of what is lent here.
  [[nodiscard]] const std::shared_ptr<load>& lent_load() const noexcept { return lent_load_; }
  /// Opens a child; the error is the call's status.
  task<result<channel>> open_child(std::string service, std::vector<std::string> headers);
  [[nodiscard]] const std::shared_ptr<rpc_core>& core() const noexcept { return core_; }
  [[nodiscard]] const std::shared_ptr<const meta>& remote() const noexcept { return about_; }
  [[nodiscard]] const executor& on() const noexcept { return on_; }

 private:
  using clock = context::clock;
  static constexpr std::uint64_t first_notice = std::uint64_t{1} << 32;
  // Bytes of frames that a slow network has not taken: then this side reads no more of those that it has to answer.
  static constexpr std::size_t enough_queued = 8 << 20;

  // Calls made here.
  void send(const call_ptr& call, std::string& frame, bool one_way);
  std::uint32_t enter(const call_ptr& call);
  [[nodiscard]] result<void> too_much() const;
  void start_own_channel(const call_ptr& call, const signature& of, std::string arguments, source_ptr in,
                         std::shared_ptr<call_handles> with);
  void when_open(std::function<void(const rpc::status&)> then);
  void answered(const call_frame& frame, const bytes& payload);
  void tell_cancelled(std::uint32_t number, call_state& call);
  void write_cancel(std::uint32_t number);
  result<void> put(const channel& into, std::string_view frame);
  bool may_read(const waker& wake);
  bool has_ended();
  void close_if_done();

  // Calls served here.
  void on_call(const call_frame& frame, const bytes& payload);
  void on_cancel(std::uint32_t number);
  void on_release(std::string_view id);
  void refuse(std::uint32_t number, const rpc::status& why);

  task<void> run(std::shared_ptr<link> self, channel ch);
  task<void> accept_children(std::shared_ptr<link> self, channel ch);
  task<void> take_result(std::shared_ptr<link> self, channel ch, std::uint32_t number);
  void on_frame(const bytes& payload);

  // Deadlines of both.
  void watch(clock::time_point due);
  void expire();
  void rearm();

  const std::shared_ptr<rpc_core> core_;
  const codec_ptr codec_;
  const std::string remote_;
  const std::shared_ptr<load> lent_load_ = std::make_shared<load>();
  executor on_;                        // of the channel's worker, once attached
  bool opened_here_ = false;           // the same
  std::shared_ptr<const meta> about_;  // the same
  std::atomic<std::size_t> queued_{0};
  std::atomic<bool> usable_{true};  // neither retired nor ended

  std::mutex mutex_;  // guards what follows
  channel channel_;
  bool attached_ = false, retired_ = false;
  rpc::status ended_;                 // not ok once it has
  std::vector<std::string> backlog_;  // until it is attached
  std::size_t backlog_size_ = 0;      // its bytes
  std::vector<std::function<void(const rpc::status&)>> waiting_;
  std::unordered_map<std::uint32_t, call_ptr> pending_;
  std::unordered_map<std::uint64_t, served_ptr> serving_;
  std::unordered_map<std::uint64_t, servable_ptr> lent_;
  waker drained_;
  std::size_t held_ = 0;
  std::uint32_t next_number_ = 1;
  std::uint64_t next_notice_ = first_notice;
  std::uint64_t next_lent_ = 1;
  clock::time_point due_ = clock::time_point::max();  // when the timer fires
  // On the core's executor; its wait owns it, for the runtime may go before this.
  std::weak_ptr<boost::asio::steady_timer> timer_;
};
using link_ptr = std::shared_ptr<link>;

}  // namespace duplex::rpc::detail
