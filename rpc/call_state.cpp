// SPDX-License-Identifier: BSD-2-Clause
#include "rpc/call_state.hpp"

#include <duplex/rpc/call.hpp>

#include "rpc/channel_source.hpp"
#include "rpc/operations.hpp"

namespace duplex::rpc::detail {

bool call_state::settle(ending how, bool final) {
  std::unique_lock lock{mutex_};
  if (!settled_ && !final && retry_ && !how.status.ok()) {
    const auto again = std::exchange(retry_, nullptr);  // what it starts sets it again
    lock.unlock();
    if (again(how)) return false;
    lock.lock();
  }
  if (settled_) return false;
  retry_ = nullptr;
  how_ = std::move(how);
  settled_ = true;
  const auto first = std::exchange(waker_, {});
  const auto others = std::exchange(more_wakers_, {});
  const auto own = std::exchange(own_, {});
  lock.unlock();
  seen_by.close(how_.status);
  if (objects) objects->end(how_.status);
  if (first) first();
  for (const auto& wake : others) wake();
  return true;
}

void call_state::retry(std::function<bool(const ending&)> again) {
  std::lock_guard lock{mutex_};
  if (!settled_) retry_ = std::move(again);
}

bool call_state::carried_by(std::weak_ptr<carrier> by, std::uint32_t number) {
  std::lock_guard lock{mutex_};
  carrier_ = std::move(by);
  number_ = number;
  return !settled_;
}

void call_state::drop(rpc::status why) {
  if (settled_ || !settle({.status = std::move(why)}, true)) return;
  std::unique_lock lock{mutex_};
  const auto by = carrier_.lock();
  const auto number = number_;
  lock.unlock();
  if (by) by->cancel(number);
}

bool call_state::wait(waker wake) {
  std::lock_guard lock{mutex_};
  if (settled_ || !wake) return settled_;
  if (waker_)
    more_wakers_.push_back(std::move(wake));
  else
    waker_ = std::move(wake);
  return false;
}

void call_state::keep(channel ch, std::shared_ptr<handles> scope) {
  std::lock_guard lock{mutex_};
  channel_ = std::move(ch);
  scope_ = std::move(scope);
}

bool call_state::travels_on(const channel& ch) {
  std::lock_guard lock{mutex_};
  if (!settled_) own_ = ch;
  return !settled_;
}

void call_state::close_channel() {
  std::unique_lock lock{mutex_};
  const auto own = std::exchange(own_, {});
  lock.unlock();
  if (own) detail::start(own.state(), duplex::detail::close_op{}, [](const result<void>&) {});
}

channel call_state::own_channel() {
  std::lock_guard lock{mutex_};
  return own_;
}

bool call_state::hears_its_end() {
  std::lock_guard lock{mutex_};
  return own_ && signed_as.in == nullptr;
}

void call_state::finish(ending how) {
  std::unique_lock lock{mutex_};
  const auto by = carrier_.lock();
  const auto number = number_;
  lock.unlock();
  if (by)
    by->settle(number, std::move(how));
  else
    settle(std::move(how));
}

channel call_state::take_channel() {
  std::lock_guard lock{mutex_};
  return std::exchange(channel_, {});
}

void wait(const call_ptr& of) {
  wait_until([&](waker wake) { return of->wait(std::move(wake)); });
}

void when_settled(const call_ptr& of, waker done) {
  if (of->wait(done)) done();
}

void drop(const call_ptr& of) { of->drop(); }

void take(call_state& of, void* into) {
  const auto& how = of.how();
  if (!how.status.ok()) throw failure{how.status};
  try {
    decode(how.result, *of.codec, *of.signed_as.result, into, of.limits, of.scope());
    if (of.scope() != nullptr) of.keep({}, nullptr);
  } catch (const codec_error& wrong) {
    throw failure{code::internal, "the result of " + of.method + ": " + wrong.what()};
  }
}

channel take_channel(call_state& of) {
  if (!of.how().status.ok()) throw failure{of.how().status};
  return of.take_channel();
}

source_ptr results(const call_ptr& of) { return keeping(std::make_shared<interest>(of), of->objects); }

metadata trailers_of(call_state& of) { return of.settled() ? of.how().trailers : metadata{}; }

rpc::status status_of(call_state& of) {
  return of.settled() ? of.how().status : rpc::status{code::unknown, "the call is under way"};
}

interest::interest(call_ptr in) : in_(std::move(in)) { ++in_->interested; }
interest::interest(const interest& other) : in_(other.in_) {
  if (in_) ++in_->interested;
}
interest::~interest() {
  if (in_ && --in_->interested == 0) in_->drop();
}

rpc::status status_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const failure& known) {
    // What was thrown is no success, whatever it says.
    return known.status().ok() ? rpc::status{code::internal, "a failure was thrown that says ok"} : known.status();
  } catch (const codec_error& wrong) {
    return {code::invalid_argument, wrong.what()};
  } catch (const std::exception& other) {
    return {code::internal, other.what()};
  } catch (...) {
    return {code::internal, "something was thrown that is no std::exception"};
  }
}

}  // namespace duplex::rpc::detail
