// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/rpc/generator.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

namespace duplex::rpc::detail {
namespace {

namespace asio = boost::asio;

/// What a stream holds of a coroutine.
class owner final : public source {
 public:
  explicit owner(std::shared_ptr<generator_base> body) : body_(std::move(body)) {}
  ~owner() override { body_->abandon(); }
  state poll(void* into, waker wake, const executor& on) override { return body_->poll(into, std::move(wake), on); }

 private:
  std::shared_ptr<generator_base> body_;
};

class kept final : public source {
 public:
  kept(std::shared_ptr<void> what, source_ptr objects) : what_(std::move(what)), objects_(std::move(objects)) {}
  state poll(void* into, waker wake, const executor& on) override { return objects_->poll(into, std::move(wake), on); }

 private:
  std::shared_ptr<void> what_;  // goes last
  source_ptr objects_;
};

}  // namespace

struct generator_base::cancellation {
  asio::cancellation_signal signal;
};

source_ptr owned(std::shared_ptr<generator_base> body) { return std::make_shared<owner>(std::move(body)); }

source_ptr keeping(std::shared_ptr<void> what, source_ptr objects) {
  return std::make_shared<kept>(std::move(what), std::move(objects));
}

source::state generator_base::poll(void* into, waker wake, const executor& on) {
  if (take(into)) return state::item;
  if (!awaiting_ && !body_.done()) {
    // Without an executor it is only asked whether it can go on by itself; the body may want to await something.
    if (!on && !on_) return state::pending;
    if (on) on_ = on;
    body_.resume();
    if (take(into)) return state::item;
  }
  if (awaiting_) {
    if (wake) wake_ = std::move(wake);
    return state::pending;
  }
  if (auto why = std::exchange(error_, nullptr)) std::rethrow_exception(why);
  return state::end;
}

void generator_base::await(task<void> what) {
  awaiting_ = true;
  cancel_ = std::make_shared<cancellation>();
  // The coroutine lives until the operation has ended: its frame holds what the operation works on.
  auto ended = [self = shared_from_this(), cancel = cancel_](std::exception_ptr why) {
    self->awaiting_ = false;
    if (self->abandoned_) return;
    self->awaited_error = std::move(why);
    self->body_.resume();
    if (self->awaiting_) return;
    if (const auto wake = std::exchange(self->wake_, nullptr)) wake();
  };
  asio::co_spawn(on_, std::move(what), asio::bind_cancellation_slot(cancel_->signal.slot(), std::move(ended)));
}

void generator_base::abandon() {
  if (!awaiting_) {
    abandoned_ = true;
    return;
  }
  asio::dispatch(on_, [self = shared_from_this()] {
    self->abandoned_ = true;
    self->wake_ = nullptr;
    if (self->awaiting_ && self->cancel_) self->cancel_->signal.emit(asio::cancellation_type::all);
  });
}

}  // namespace duplex::rpc::detail
