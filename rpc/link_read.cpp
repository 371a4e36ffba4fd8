// SPDX-License-Identifier: BSD-2-Clause
// What comes on the call channel, from its first frame to its end.
#include "rpc/link.hpp"

#include <duplex/percent.hpp>

#include "actors/channel_state.hpp"
#include "rpc/operations.hpp"
#include "rpc/own_channel.hpp"
#include "rpc/rpc_core.hpp"

#include <boost/asio/detached.hpp>

namespace duplex::rpc::detail {

namespace asio = boost::asio;

void link::answered(const call_frame& frame, const bytes& payload) {
  auto trailers = decode_list(frame.items);
  ending how{.trailers = trailers ? std::move(*trailers) : metadata{}, .not_begun = frame.not_begun};
  if (frame.kind == frame_kind::status)
    how.status = {frame.code, std::string{frame.message}, std::string{frame.body}};
  else
    how.result = payload.slice(payload.size() - frame.body.size());
  settle(frame.number, std::move(how));
}

// Frames of a batch that are looked at before what they led to is sent, so that the other side works on it meanwhile.
// 64 calls under way on two CPUs: with 16 a fifth faster than with 8 or 32; with all in one packet the sides take
// turns. Both sides on one CPU do so anyway, and lose a third by it: there only others on this worker need a turn.
constexpr std::size_t at_once = 16, at_once_on_one_cpu = 16 * at_once;

task<void> link::run(link_ptr self, channel ch) {
  auto about = co_await ch.async_meta();
  if (about) about_ = std::make_shared<const meta>(std::move(*about));
  std::optional<rpc::status> why;
  bool refused = false;
  if (about_) {
    asio::co_spawn(on_, accept_children(self, ch), asio::detached);
    const auto* core = duplex::detail::channel_core::of(ch.state()->port->actor());
    for (;;) {
      auto batch = co_await ch.async_read_frames();
      if (!batch) {
        if (batch.error().code() != errc::end_of_stream && batch.error().code() != errc::closed)
          why = rpc::status{batch.error()};
        break;
      }
      for (std::size_t count = 1; !batch->empty() && !why; ++count) {
        // The side that opened it always reads, or both might wait for each other.
        if (!opened_here_ && queued_ > enough_queued) {
          auto drained = until([self](waker wake) { return self->may_read(wake); });
          co_await std::move(drained);
        }
        try {
          on_frame(batch->pop_front());
        } catch (...) {
          why = status_of(std::current_exception());
        }
        if (count % at_once != 0 || batch->empty()) continue;
        if (count % at_once_on_one_cpu != 0 && core != nullptr && core->remote_shares_cpu()) continue;
        co_await asio::post(on_, asio::use_awaitable);
        if (has_ended()) co_return;  // meanwhile: whoever called has heard of it, and nothing more begins
      }
      if (why) break;
    }
  }
  if (!why && opened_here_) {
    const auto last = co_await ch.async_trailers();
    refused = last && find_value(*last, "begun") == "no";
    if (last) why = status_in(*last, {code::unavailable, "peer '" + remote_ + "' closed the call channel"});
  }
  end(why.value_or(rpc::status{code::unavailable, "the session with '" + remote_ + "' has ended"}), refused);
}

void link::on_frame(const bytes& payload) {
  const auto frame = parse_call_frame(payload);
  if (!frame) {
    throw failure{code::internal, "peer '" + remote_ + "': " + frame.error().message()};
  }
  switch (frame->kind) {
    case frame_kind::call:
    case frame_kind::notify:
      return on_call(*frame, payload);
    case frame_kind::result:
    case frame_kind::status:
      return answered(*frame, payload);
    case frame_kind::cancel:
      return on_cancel(frame->number);
    case frame_kind::release:
      return on_release(frame->body);
  }
}

}  // namespace duplex::rpc::detail
