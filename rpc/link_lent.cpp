// SPDX-License-Identifier: BSD-2-Clause
// The call channel: functions that are lent across it.
#include "rpc/frame_buffer.hpp"
#include "rpc/link.hpp"
#include "rpc/route.hpp"

namespace duplex::rpc::detail {
namespace {

constexpr std::size_t max_lent = 65536;  // functions lent and not given back: a leak, by then

}  // namespace

handles::lent link::lend(const servable_ptr& what, const route_ptr& where) {
  if (const auto there = std::dynamic_pointer_cast<borrowed>(where); there && there->is_of(*this))
    return {there->id(), true};
  std::lock_guard lock{mutex_};
  if (!ended_.ok()) throw codec_error{"the session has ended"};
  if (lent_.size() >= max_lent)
    throw codec_error{std::to_string(max_lent) + " functions are lent to '" + remote_ + "' and not given back"};
  const auto id = next_lent_++;
  lent_.emplace(id, what);
  return {id, false};
}

servable_ptr link::own(std::uint64_t id) {
  std::lock_guard lock{mutex_};
  const auto at = lent_.find(id);
  return at == lent_.end() ? nullptr : at->second;
}

void link::take_back(std::uint64_t id) {
  std::unique_lock lock{mutex_};
  const auto was = lent_.extract(id);  // what it holds may hold handles of ours: destroyed without the lock
  lock.unlock();
  close_if_done();
}

void link::give_back(std::uint64_t id) {
  frame_buffer frame;
  put_head(*frame, {.kind = frame_kind::release});
  for (int shift = 56; shift >= 0; shift -= 8) *frame += static_cast<char>(id >> shift);
  (void)write(*frame);
}

route_ptr link::borrow(std::uint64_t id) { return std::make_shared<borrowed>(shared_from_this(), id); }

void link::hold() {
  std::lock_guard lock{mutex_};
  ++held_;
}

void link::let_go() {
  std::unique_lock lock{mutex_};
  --held_;
  lock.unlock();
  close_if_done();
}

}  // namespace duplex::rpc::detail
