// SPDX-License-Identifier: BSD-2-Clause
#include "rpc/served.hpp"

#include <duplex/percent.hpp>
#include <duplex/rpc/call.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>

#include <algorithm>

namespace duplex::rpc {

std::chrono::milliseconds context::remaining() const {
  if (deadline_ == clock::time_point::max()) return infinite;
  return std::max(std::chrono::milliseconds{0}, std::chrono::ceil<std::chrono::milliseconds>(deadline_ - clock::now()));
}

std::string_view context::header(std::string_view key) const {
  return find_value(headers_, key).value_or(std::string_view{});
}

namespace detail {

namespace {

// With what a status may hold below, no more than the 32 KiB that a channel's trailers may have, percent-encoded.
constexpr std::size_t max_trailers = 8192, max_details = 8192, max_message = 2048;

/// A status that every channel carries: texts are cut, for they are for people; details that are cut mean nothing.
rpc::status fitting(const rpc::status& of) {
  auto message = of.message().substr(0, max_message);
  std::replace(message.begin(), message.end(), '\0', ' ');
  return {of.code(), std::move(message), of.details().size() <= max_details ? of.details() : std::string{}};
}

}  // namespace

place place::take(const std::shared_ptr<load>& of) {
  if (of->running.fetch_add(1) < of->most) return place{of};
  --of->running;
  return {};
}

place::~place() {
  if (in_) --in_->running;
}

served::served(arrival from)
    : about_(std::move(from.method), std::move(from.headers), from.deadline),
      codec_(std::move(from.codec)),
      limits_(from.limits),
      arguments_(std::move(from.arguments)),
      on_(std::move(from.on)) {
  about_.caller_ = std::move(from.caller);
}

served::~served() = default;

void served::stop(const rpc::status& why) {
  if (!claim_end()) return;
  about_.stop_.request_stop();
  send_end(fitting(why), {}, {});
  seen_by.close(why);
  boost::asio::post(on_, [self = shared_from_this()] {
    if (self->cancel_) self->cancel_->emit(boost::asio::cancellation_type::all);
  });
}

void served::stop_later(rpc::status why) {
  boost::asio::post(on_, [self = shared_from_this(), why = std::move(why)] { self->stop(why); });
}

void served::begin(servable& target) {
  try {
    seen_by.object(direction::received, arguments_);
  } catch (...) {
    fail(*this, std::current_exception());
  }
  if (!ended_) target.serve(shared_from_this());
}

void served::conclude(const rpc::status& how, std::string_view result) {
  auto said = fitting(how);
  auto trailers = about_.trailers_;
  if (!trailers.empty()) {
    const auto size = encode_list(trailers).size();
    const bool cut = std::any_of(trailers.begin(), trailers.end(),
                                 [](const std::string& item) { return item.find('\0') != std::string::npos; });
    if (cut || size > max_trailers) {
      trailers.clear();
      if (said.ok())
        said = {code::internal,
                about_.method() + (cut ? ": a trailer holds a NUL"
                                       : ": trailers of " + std::to_string(size) + " bytes are over the limit of " +
                                             std::to_string(max_trailers))};
    }
  }
  send_end(said, said.ok() ? result : std::string_view{}, trailers);
  seen_by.close(said);
}

void served::run(task<void> handler) {
  auto signal = std::make_shared<boost::asio::cancellation_signal>();
  cancel_ = signal;
  auto slot = signal->slot();
  boost::asio::co_spawn(
      on_, std::move(handler),
      boost::asio::bind_cancellation_slot(slot, [self = shared_from_this(), signal](const std::exception_ptr& thrown) {
        if (self->cancel_ == signal) self->cancel_ = nullptr;  // a stream that it answers with has its own
        if (thrown) fail(*self, thrown);
      }));
}

const context& context_of(const served& of) { return of.about(); }

void arguments(served& of, const value_ops& as, void* into) {
  try {
    decode(of.payload(), *of.codec(), as, into, of.limits(), of.received.get());
  } catch (const codec_error& wrong) {
    of.not_read();
    throw failure{code::invalid_argument, of.about().method() + ": " + wrong.what()};
  }
}

source_ptr incoming(const served_ptr& of, const item_ops& as) { return keeping(of, of->incoming(as)); }
channel bytes_of(const served_ptr& of) { return of->bytes_of(); }

void reply(served& of, const value_ops& as, const void* result) {
  if (!of.claim_end()) return;
  try {
    auto& room = of.room();
    const auto head = room.size();
    const auto scope = of.outgoing();
    encode(room, *of.codec(), as, result, scope.get());
    const auto encoded = std::string_view{room}.substr(head);
    if (!of.seen_by.empty()) of.seen_by.object(direction::sent, encoded);
    of.conclude({}, encoded);
  } catch (const std::exception& wrong) {
    of.conclude({code::internal, "the result of " + of.about().method() + ": " + wrong.what()}, {});
  }
}

void reply(const served_ptr& of, source_ptr objects, const item_ops& as) {
  of->run(of->send_all(std::move(objects), as));
}

void finish(served& of) {
  if (of.claim_end()) of.conclude({}, {});
}

void fail(served& of, const std::exception_ptr& why) {
  if (of.claim_end()) of.conclude(status_of(why), {});
}

void run(const served_ptr& of, task<void> handler) { of->run(std::move(handler)); }

void relay(const served_ptr& of, const call_ptr& from, const value_ops& as, std::shared_ptr<void> room) {
  auto passed_on = [](served_ptr call, call_ptr other, const value_ops& ops,
                      std::shared_ptr<void> result) -> task<void> {
    interest waits{other};
    co_await settled(other);
    take(*other, result.get());
    reply(*call, ops, result.get());
  };
  of->run(passed_on(of, from, as, std::move(room)));
}

void relay_bytes(const served_ptr& of, const call_ptr& from) {
  auto joined = [](served_ptr call, call_ptr other) -> task<void> {
    interest waits{other};
    co_await settled(other);
    auto far = take_channel(*other);
    auto near = call->bytes_of();
    co_await near.async_join(far);
    finish(*call);
  };
  of->run(joined(of, from));
}

}  // namespace detail
}  // namespace duplex::rpc
