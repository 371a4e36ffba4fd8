// SPDX-License-Identifier: BSD-2-Clause
// The call channel: the calls that are served on it.
#include <duplex/percent.hpp>

#include "rpc/admission.hpp"
#include "rpc/call_handles.hpp"
#include "rpc/frame_buffer.hpp"
#include "rpc/link.hpp"
#include "rpc/living.hpp"
#include "rpc/operations.hpp"
#include "rpc/own_channel.hpp"
#include "rpc/route.hpp"
#include "rpc/rpc_core.hpp"

#include <charconv>

namespace duplex::rpc::detail {
namespace {

namespace asio = boost::asio;

/// A call whose arguments and result are frames of the call channel.
class small_call final : public served {
 public:
  small_call(arrival from, link_ptr on, std::uint64_t number, bool one_way)
      : served(std::move(from)), link_(std::move(on)), number_(number), one_way_(one_way) {}

  std::string& room() override {
    room_.swap(spare());
    room_.clear();
    const auto& trailers = about().trailers();
    put_head(room_, {.kind = frame_kind::result,
                     .number = answer_to(),
                     .items = trailers.empty() ? std::string{} : encode_list(trailers)});
    return room_;
  }
  std::shared_ptr<handles> outgoing() override {
    if (!with_) with_ = std::make_shared<call_handles>(link_);
    return with_;
  }
  source_ptr incoming(const item_ops&) override {
    throw failure{code::invalid_argument, about().method() + " takes a stream, on a channel of its own"};
  }
  channel bytes_of() override {
    throw failure{code::invalid_argument, about().method() + " becomes bytes, on a channel of its own"};
  }
  task<void> send_all(source_ptr, const item_ops&) override {
    throw failure{code::invalid_argument, about().method() + " answers with a stream, on a channel of its own"};
    co_return;
  }
  void send_end(const rpc::status& how, std::string_view result, const metadata& trailers) override {
    link_->forget(number_);
    if (one_way_) return;
    if (!how.ok()) {
      if (with_) with_->roll_back();
      return send_failure(*link_, answer_to(), how, trailers);
    }
    if ((with_ && with_->used()) || result.size() > max_small) {
      asio::co_spawn(link_->on(), send_large(link_, answer_to(), std::string{result}, trailers, with_), asio::detached);
    } else if (const auto written = link_->write(room_); !written && written.error().code() == errc::frame_too_large) {
      send_failure(*link_, answer_to(), rpc::status{written.error()}, {});
    }
    if (room_.capacity() <= max_small) spare().swap(room_);
  }

 private:
  [[nodiscard]] std::uint32_t answer_to() const noexcept { return static_cast<std::uint32_t>(number_); }
  static void send_failure(link& on, std::uint32_t number, const rpc::status& how, const metadata& trailers) {
    std::string frame;
    const auto items = encode_list(trailers);
    put_head(
        frame,
        {.kind = frame_kind::status, .number = number, .items = items, .code = how.code(), .message = how.message()});
    (void)on.write(frame + how.details());
  }
  static std::string& spare() {
    static thread_local std::string text;
    return text;
  }
  static task<void> send_large(link_ptr on, std::uint32_t number, std::string result, metadata trailers,
                               std::shared_ptr<call_handles> with) {
    std::vector<std::string> headers{"channels=" + std::to_string(with ? with->channels().size() : 0)};
    auto opened = co_await on->open_child("@result/" + std::to_string(number), std::move(headers));
    if (!opened) {
      if (with) with->roll_back();
      send_failure(*on, number, {code::resource_exhausted, "the result has no channel: " + opened.error().message()},
                   {});
      co_return;
    }
    auto ch = std::move(*opened);
    const link::queued waiting{on, result.size()};
    rpc::status how;
    try {
      co_await write_frame(ch, std::move(result));
    } catch (const failure& wrong) {
      how = wrong.status();
    }
    if (!how.ok() && with) with->roll_back();
    if (how.ok() && with)
      for (const auto& one : with->channels()) co_await ch.async_send(one);
    trailers = trailers_with(how, trailers);
    auto end = end_writing(ch, trailers);
    co_await std::move(end);
    // Until the caller has it all, and lets go of it, and of the channels that came with it.
    while (auto none = co_await ch.async_accept()) continue;
  }

  const link_ptr link_;
  const std::uint64_t number_;
  const bool one_way_;
  std::string room_;
  std::shared_ptr<call_handles> with_;
};

std::optional<std::uint64_t> number_after(std::string_view prefix, std::string_view text) {
  std::uint64_t n = 0;
  if (!text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return n;
}

}  // namespace

void link::on_call(const call_frame& frame, const bytes& payload) {
  const bool one_way = frame.kind == frame_kind::notify;
  if (!one_way && serves(frame.number))
    throw failure{code::internal, "call " + std::to_string(frame.number) + " is under way already"};
  auto headers = decode_list(frame.items);
  if (!headers) {
    if (!one_way) refuse(frame.number, {code::internal, "the headers of a call are malformed"});
    return;
  }
  auto deadline = from_wire(frame.deadline);
  auto admitted = admit(*core_, this, *about_, frame.method, *headers, deadline);
  if (!admitted.why.ok()) {
    if (!one_way) refuse(frame.number, admitted.why);
    return;
  }
  const std::uint64_t number = one_way ? next_notice_++ : frame.number;
  const auto call = std::make_shared<small_call>(arrival{.method = std::string{frame.method},
                                                         .headers = std::move(*headers),
                                                         .deadline = deadline,
                                                         .caller = about_,
                                                         .codec = codec_,
                                                         .limits = admitted.limits,
                                                         .arguments = payload.slice(payload.size() - frame.body.size()),
                                                         .on = on_},
                                                 shared_from_this(), number, one_way);
  call->in = std::move(admitted.in);
  call->seen_by = std::move(admitted.seen_by);
  call->received = std::make_shared<call_handles>(shared_from_this());
  call->begin(*admitted.target);
  remember(number, call);
}

void link::refuse(std::uint32_t number, const rpc::status& why) {
  std::string frame;
  put_head(
      frame,
      {.kind = frame_kind::status, .number = number, .code = why.code(), .not_begun = true, .message = why.message()});
  (void)write(frame);
}

bool link::serves(std::uint32_t number) {
  std::lock_guard lock{mutex_};
  return serving_.contains(number);
}

void link::remember(std::uint64_t number, const served_ptr& call) {
  std::unique_lock lock{mutex_};
  if (call->ended()) return;
  if (!ended_.ok()) return call->stop_later({code::cancelled, "the session with the caller has ended"});
  serving_[number] = call;
  watch(call->about().deadline());
  lock.unlock();
  // It may have ended on another thread just before it was entered.
  if (call->ended()) forget(number);
}

void link::forget(std::uint64_t number) {
  std::unique_lock lock{mutex_};
  const auto done = serving_.extract(number);
  lock.unlock();
}

void link::on_cancel(std::uint32_t number) {
  std::unique_lock lock{mutex_};
  const auto at = serving_.find(number);
  if (at == serving_.end()) return;  // it has ended
  const auto call = at->second;
  lock.unlock();
  call->stop({code::cancelled, "the caller let go of it"});
}

void link::on_release(std::string_view id) {
  if (id.size() != 8) return;
  std::uint64_t n = 0;
  for (const char c : id) n = n << 8 | static_cast<std::uint8_t>(c);
  take_back(n);
}

task<void> link::accept_children(link_ptr self, channel ch) {
  for (;;) {
    auto child = co_await ch.async_accept();
    if (!child) co_return;
    const auto about = co_await child->async_meta();
    if (!about) continue;
    if (const auto number = number_after("@result/", about->service); number && *number <= UINT32_MAX)
      asio::co_spawn(on_, take_result(self, std::move(*child), static_cast<std::uint32_t>(*number)), asio::detached);
    else
      asio::co_spawn(on_, serve_channel(core_, self, std::move(*child)), asio::detached);
  }
}

// A result that was too large for the call channel, or carries channels or functions.
task<void> link::take_result(link_ptr self, channel ch, std::uint32_t number) {
  const auto about = co_await ch.async_meta();
  if (!about) co_return;
  auto frame = co_await ch.async_read_frame();
  const auto last = co_await ch.async_trailers();
  ending how;
  if (!last)
    how.status = {code::unavailable, "the result: " + last.error().message()};
  else
    how = {.status = status_in(*last, {code::unavailable, "the result came without a status"}),
           .trailers = without_status(*last),
           .seen = true};
  if (how.status.ok() && !frame) how.status = rpc::status{frame.error()};
  if (how.status.ok()) how.result = std::move(*frame);
  auto came = co_await take_channels(ch, how.status.ok() ? number_in(about->headers, "channels") : 0);
  const auto alive = living::of(came);
  auto call = find(number);
  if (!call) co_return;
  call->keep({}, std::make_shared<call_handles>(self, std::move(came), std::make_shared<channel>(ch)));
  hold();
  settle(number, std::move(how));
  call = nullptr;
  auto ended = all_ended(alive);  // they are children of this channel
  co_await std::move(ended);
  let_go();
}

}  // namespace duplex::rpc::detail
