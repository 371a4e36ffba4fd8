// SPDX-License-Identifier: BSD-2-Clause
// The call channel: its life, and the calls made on it. What comes on it: link_read.cpp; the calls served on it:
// link_serve.cpp.
#include "rpc/link.hpp"

#include <duplex/percent.hpp>

#include "rpc/call_handles.hpp"
#include "rpc/frame_buffer.hpp"
#include "rpc/operations.hpp"
#include "rpc/own_channel.hpp"
#include "rpc/rpc_core.hpp"

#include <boost/asio/detached.hpp>

namespace duplex::rpc::detail {
namespace {

namespace asio = boost::asio;

constexpr std::size_t max_pending = 1U << 20;  // calls under way; the memory of each is ours
constexpr std::size_t max_method = 255;        // its length is one byte of a call's frame
constexpr std::size_t max_queued = 64 << 20;   // bytes of frames that wait for the network: then no more calls are made

// Of a call's frame that was written here.
std::uint32_t number_of(std::string_view frame) {
  const auto parsed = parse_call_frame(frame);
  return parsed ? parsed->number : 0;
}

// What a call's frame cannot hold.
rpc::status unfit(const call_state& call) {
  if (call.method.size() > max_method)
    return {code::invalid_argument, "a method's name has at most " + std::to_string(max_method) + " bytes"};
  for (const auto& item : call.headers)
    if (item.find('\0') != std::string::npos) return {code::invalid_argument, "a header holds a NUL"};
  return {};
}

}  // namespace

link::link(std::shared_ptr<rpc_core> of, codec_ptr codec, std::string remote)
    : core_(std::move(of)), codec_(std::move(codec)), remote_(std::move(remote)) {}

link::~link() { end({code::unavailable, "the runtime has ended"}); }

void link::open() {
  const std::vector<std::string> headers{"codec=" + std::string{codec_->name()}};
  detail::start(core_->self().state(), duplex::detail::open_op{remote_, "@rpc", &headers},
                [self = shared_from_this()](result<channel> opened) {
                  if (opened) return self->attach(std::move(*opened), true);
                  auto why = opened.error().code() == errc::unknown_service
                                 ? rpc::status{code::unimplemented, "peer '" + self->remote_ + "' serves no RPC"}
                                 : rpc::status{opened.error()};
                  // Nobody began anything: whoever is not there is unavailable, not late.
                  if (why.code() == code::deadline_exceeded) why = {code::unavailable, why.message()};
                  self->end(why);
                });
}

void link::attach(channel ch, bool opened_here) {
  std::unique_lock lock{mutex_};
  if (!ended_.ok()) return;  // the handle that goes closes the channel
  channel_ = std::move(ch);
  on_ = duplex::detail::executor_of(channel_);
  opened_here_ = opened_here;
  std::vector<std::uint32_t> refused;
  const auto there = channel_;
  while (!backlog_.empty()) {
    const auto frames = std::exchange(backlog_, {});
    backlog_size_ = 0;
    lock.unlock();
    for (const auto& frame : frames)
      if (!put(there, frame)) refused.push_back(number_of(frame));
    lock.lock();
  }
  attached_ = true;
  const auto waiting = std::exchange(waiting_, {});
  lock.unlock();
  for (const auto number : refused)
    settle(number, {.status = {code::resource_exhausted, "the call is over the limit of a frame (option max_frame)"},
                    .not_begun = true});
  asio::co_spawn(on_, run(shared_from_this(), there), asio::detached);
  for (const auto& then : waiting) then({});
}

void link::end(const rpc::status& why, bool not_begun) {
  std::unique_lock lock{mutex_};
  if (!ended_.ok()) return;
  ended_ = why.ok() ? rpc::status{code::unavailable, "the call channel was closed"} : why;
  usable_ = false;
  const bool begun = attached_ && !not_begun;
  // A call with a channel of its own hears it there, behind what arrived before.
  std::vector<call_ptr> pending;
  std::erase_if(pending_, [&](auto& entry) {
    if (entry.second->hears_its_end()) return false;
    pending.push_back(std::move(entry.second));
    return true;
  });
  const bool some_left = !pending_.empty();
  const auto serving = std::exchange(serving_, {});
  const auto lent = std::exchange(lent_, {});
  const auto waiting = std::exchange(waiting_, {});
  backlog_.clear();
  const auto closing = std::exchange(channel_, {});
  const auto drained = std::exchange(drained_, nullptr);
  lock.unlock();
  if (drained) drained();
  if (closing) detail::start(closing.state(), duplex::detail::close_op{}, [](const result<void>&) {});
  if (auto self = weak_from_this().lock(); !self || !core_->ended(self, some_left)) abandon();
  for (const auto& then : waiting) then(ended_);
  for (const auto& call : pending) call->settle({.status = ended_, .not_begun = !begun});
  for (const auto& [number, call] : serving)
    if (number < first_notice) call->stop_later({code::cancelled, "the session with the caller has ended"});
}

// Whoever wakes up on hearing it needs the runtime, which outlives the peer but not the caller.
void link::abandon() {
  std::unique_lock lock{mutex_};
  const auto left = std::exchange(pending_, {});
  lock.unlock();
  for (const auto& [number, call] : left) call->settle({.status = ended_});
}

void link::retire() {
  std::unique_lock lock{mutex_};
  retired_ = true;
  usable_ = false;
  lock.unlock();
  close_if_done();
}

bool link::has_ended() {
  std::lock_guard lock{mutex_};
  return !ended_.ok();
}

std::size_t link::pending() {
  std::lock_guard lock{mutex_};
  return pending_.size();
}

std::size_t link::lent() {
  std::lock_guard lock{mutex_};
  return lent_.size();
}

void link::start(const call_ptr& call, const signature& of, const void* arguments, source_ptr in) {
  if (auto wrong = unfit(*call); !wrong.ok()) return (void)call->settle({.status = std::move(wrong)}, true);
  frame_buffer frame;
  call_handles with{shared_from_this()};
  put_head(*frame, {.kind = of.one_way ? frame_kind::notify : frame_kind::call,
                    .deadline = to_wire(call->deadline),
                    .method = call->method,
                    .items = encode_list(call->headers)});
  const auto head = frame->size();
  try {
    encode(*frame, *codec_, *of.arguments, arguments, &with);
    call->seen_by.object(direction::sent, std::string_view{*frame}.substr(head));
  } catch (const failure& refused) {
    with.roll_back();
    call->settle({.status = status_of(std::current_exception())}, true);
    return;
  } catch (const std::exception& wrong) {
    with.roll_back();
    std::unique_lock lock{mutex_};
    const auto ended = ended_;  // nothing can be lent then
    lock.unlock();
    if (ended.ok())
      call->settle({.status = {code::invalid_argument, call->method + ": " + wrong.what()}}, true);
    else
      call->settle({.status = ended, .not_begun = true});
    return;
  }
  const auto body = std::string_view{*frame}.substr(head);
  const bool own = of.in != nullptr || of.out != nullptr || of.becomes_bytes || with.used() || body.size() > max_small;
  if (call->keeps_arguments && !with.used()) {
    call->arguments = body;
    call->repeatable = true;
  }
  if (own)
    return start_own_channel(call, of, std::string{body}, std::move(in),
                             std::make_shared<call_handles>(std::move(with)));
  send(call, *frame, of.one_way);
}

void link::start_again(const call_ptr& call) {
  const auto& of = call->signed_as;
  if (of.out != nullptr || of.becomes_bytes || call->arguments.size() > max_small)
    return start_own_channel(call, of, call->arguments, nullptr, std::make_shared<call_handles>(shared_from_this()));
  frame_buffer frame;
  put_head(*frame, {.kind = frame_kind::call,
                    .deadline = to_wire(call->deadline),
                    .method = call->method,
                    .items = encode_list(call->headers)});
  *frame += call->arguments;
  send(call, *frame, false);
}

void link::send(const call_ptr& call, std::string& frame, bool one_way) {
  if (one_way) {
    const auto written = queued_ > max_queued ? too_much() : write(frame);
    call->settle({.status = rpc::status{written.error()}}, true);
    return;
  }
  const auto number = enter(call);
  if (number == 0) return;
  set_number(frame.data(), number);
  if (const auto written = write(frame); !written && written.error().code() != errc::closed)
    settle(number, {.status = rpc::status{written.error()}, .not_begun = true});
  // Dropped on another thread before the frame was written: its cancel went ahead of it.
  if (call->settled() && !find(number)) write_cancel(number);
}

// The call's number, or 0 when it has been settled.
std::uint32_t link::enter(const call_ptr& call) {
  std::unique_lock lock{mutex_};
  auto refused = ended_;
  if (refused.ok() && retired_) refused = {code::unavailable, "peer '" + remote_ + "' is leaving"};
  if (refused.ok() && pending_.size() >= max_pending)
    refused = {code::resource_exhausted, std::to_string(max_pending) + " calls to '" + remote_ + "' are under way"};
  if (refused.ok() && queued_ > max_queued) refused = rpc::status{too_much().error()};
  if (!refused.ok()) {
    lock.unlock();
    call->settle({.status = refused, .not_begun = true});
    return 0;
  }
  while (next_number_ == 0 || pending_.contains(next_number_)) ++next_number_;
  const auto number = next_number_++;
  pending_.emplace(number, call);
  watch(call->deadline);
  lock.unlock();
  if (call->carried_by(weak_from_this(), number)) return number;
  lock.lock();
  pending_.erase(number);
  return 0;
}

result<void> link::too_much() const {
  return {errc::resource_exhausted, "more than " + std::to_string(max_queued >> 20) + " MiB of calls wait to go to '" +
                                        remote_ + "', which does not take them"};
}

result<void> link::write(std::string_view frame) {
  std::unique_lock lock{mutex_};
  if (!ended_.ok()) return {errc::closed, ended_.message()};
  if (!attached_) {
    if (backlog_size_ + frame.size() > max_queued) return too_much();
    backlog_size_ += frame.size();
    backlog_.emplace_back(frame);
    return {};
  }
  const auto there = channel_;
  lock.unlock();
  return put(there, frame);
}

// What the channel does not take at once is counted until it has.
result<void> link::put(const channel& into, std::string_view frame) {
  const duplex::detail::write_frame_op op{frame};
  if (auto done = duplex::detail::attempt(*into.state(), op)) return std::move(*done);
  auto taken = std::make_shared<queued>(shared_from_this(), frame.size());
  duplex::detail::start(into.state(), op,
                        std::make_unique<calls_back<void>>([taken = std::move(taken)](const result<void>&) {}));
  return {};
}

link::queued::queued(std::shared_ptr<link> on, std::size_t size) : on_(std::move(on)), size_(size) {
  on_->queued_ += size_;
}

link::queued::~queued() {
  on_->queued_ -= size_;
  if (on_->queued_ > enough_queued) return;
  std::unique_lock lock{on_->mutex_};
  const auto wake = std::exchange(on_->drained_, nullptr);
  lock.unlock();
  if (wake) wake();
}

bool link::may_read(const waker& wake) {
  std::lock_guard lock{mutex_};
  if (queued_ <= enough_queued || !ended_.ok()) return true;
  if (wake) drained_ = wake;
  return queued_ <= enough_queued;
}

void link::when_open(std::function<void(const rpc::status&)> then) {
  std::unique_lock lock{mutex_};
  if (ended_.ok() && !attached_) {
    waiting_.push_back(std::move(then));
    return;
  }
  const auto how = ended_;
  lock.unlock();
  then(how);
}

void link::cancel(std::uint32_t number) {
  std::unique_lock lock{mutex_};
  const auto at = pending_.find(number);
  if (at == pending_.end()) return;
  const auto call = std::move(at->second);
  pending_.erase(at);
  lock.unlock();
  tell_cancelled(number, *call);
}

void link::tell_cancelled(std::uint32_t number, call_state& call) {
  write_cancel(number);
  call.close_channel();
  close_if_done();
}

void link::write_cancel(std::uint32_t number) {
  frame_buffer frame;
  put_head(*frame, {.kind = frame_kind::cancel, .number = number});
  (void)write(*frame);
}

call_ptr link::find(std::uint32_t number) {
  std::lock_guard lock{mutex_};
  const auto at = pending_.find(number);
  return at == pending_.end() ? nullptr : at->second;
}

void link::settle(std::uint32_t number, ending how) {
  std::unique_lock lock{mutex_};
  const auto at = pending_.find(number);
  if (at == pending_.end()) return;  // it was cancelled, or is late
  const auto call = std::move(at->second);
  pending_.erase(at);
  const bool retired = retired_;
  lock.unlock();
  call->settle(std::move(how));
  if (retired) close_if_done();
}

void link::close_if_done() {
  std::unique_lock lock{mutex_};
  if (!retired_ || !attached_ || !pending_.empty() || !lent_.empty() || held_ != 0) return;
  lock.unlock();
  end({code::unavailable, "the peer is leaving"});
}

}  // namespace duplex::rpc::detail
