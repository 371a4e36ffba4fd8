// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/channel_actor.hpp>
#include <duplex/operations.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace duplex {

/// A handle to a channel, for code outside actors; copies refer to the same channel. Plain names block and must not be
/// called on a worker thread (`would_deadlock`); `async_` names take an Asio completion token, by default
/// `use_awaitable`, and complete with `result<T>`: include <duplex/async.hpp> for them. Arguments given by view or
/// reference are copied before an asynchronous call returns or suspends. The channel is closed, after all that was
/// written, when the last copy is destroyed. Operations on an empty handle fail with `closed`. Besides
/// the errors named below each may fail with `connection_lost` when the session ends under it. Thread: any.
class channel {
 public:
  channel() = default;
  /// Takes over an actor, got for instance as the answer to `open_atom`.
  channel(caf::actor_system& system, channel_actor actor);

  explicit operator bool() const noexcept { return state_ != nullptr; }
  /// The actor; messages to it and calls on this handle are ordered only by each one's own sequence.
  [[nodiscard]] channel_actor actor() const;
  /// Gives up this handle without closing the channel: who holds the actor closes it.
  channel_actor release();

  /// Bytes as they come, at least one and at most `limit`. Errors: `end_of_stream` after the last, `closed`.
  result<bytes> read(std::size_t limit = 65536) { return detail::wait(state_, detail::read_op{limit}); }
  /// The next frame. Errors: `end_of_stream`, `truncated`, `frame_too_large`, `connection_lost`.
  result<bytes> read_frame() { return detail::wait(state_, detail::read_frame_op{}); }
  /// All frames that have arrived, at least one: the cheapest way to read many. Errors: as
  /// `read_frame`.
  result<frames> read_frames() { return detail::wait(state_, detail::read_frames_op{}); }
  /// The next error frame. Errors: `end_of_stream`, `frame_too_large`, `closed`.
  result<bytes> read_error() { return detail::wait(state_, detail::read_error_op{}); }
  /// Queues bytes; waits while 512 KiB of what was written before are still queued. Errors: `closed`.
  result<void> write(std::string_view data) { return detail::wait(state_, detail::write_op{data}); }
  /// Queues one frame, sent together with others written in the same turn; waits as `write` does.
  /// Errors: `closed`, `frame_too_large`.
  result<void> write_frame(std::string_view payload) { return detail::wait(state_, detail::write_frame_op{payload}); }
  /// Queues a batch, for instance one that `read_frames` gave, without looking into it. Errors: as
  /// `write_frame`.
  result<void> write_frames(const frames& batch) { return detail::wait(state_, detail::write_frames_op{&batch}); }
  /// Queues an error frame; the remote side reads it beside the data, a stock client may show it on stderr.
  /// Errors: as `write_frame`.
  result<void> write_error(std::string_view payload) { return detail::wait(state_, detail::write_error_op{payload}); }
  /// Waits until no more than `send_low_water` of what was written is still queued here. Errors: `closed`.
  result<void> flush() { return detail::wait(state_, detail::flush_op{}); }
  /// Half-close: the remote side reads the end of the stream; reading here goes on. Errors: `closed`.
  result<void> close_write() { return detail::wait(state_, detail::close_write_op{}); }
  /// This side's last word, at most once; `status=N` becomes the exit status of stock clients. Ends writing.
  /// At most 32 KiB encoded. Errors: `closed`, `resource_exhausted`.
  result<void> write_trailers(const std::vector<std::string>& list) {
    return detail::wait(state_, detail::write_trailers_op{&list});
  }
  /// Waits for the remote side's last word. `closed` when it closed without one.
  result<std::vector<std::string>> trailers() { return detail::wait(state_, detail::trailers_op{}); }
  /// Closes after all that was written; it is sent in the background, at most `linger` long at shutdown.
  /// Never fails but on an empty handle.
  result<void> close() { return detail::wait(state_, detail::close_op{}); }
  /// Splices this channel with another one, of whatever session: bytes, error frames, half-close and trailers go from
  /// each to the other as they came, what was read ahead first. Returns when both channels have ended, the handles are
  /// of no more use then. No read may be pending on either, and neither may have a subscriber. Errors: `closed` on an
  /// empty handle, otherwise the error by which the first of the two ended.
  result<void> join(const channel& other) { return detail::wait(state_, detail::join_op{&other.state_}); }
  /// Splices this channel with descriptors: what can be read from `in` is sent, what arrives is written to `out`, what
  /// was read ahead first; the two may be the same. See `descriptor::of` for what they may be; the caller keeps its
  /// own. Returns when both directions have ended, the handle is of no more use then, but for `trailers` and `meta`.
  /// The end of `in` is half-close; the remote side's becomes a socket's shutdown, or closes the library's `out`.
  /// Whoever is slow stops the other. Error frames are dropped. Errors: those of `descriptor::of`, which leave the
  /// channel as it was; `io`, which the remote side gets as trailers; the error by which the channel ended.
  result<void> join(int in, int out) {
    return detail::wait(state_, detail::join_descriptor_op{descriptor::of(in, out)});
  }
  result<void> join(int fd) { return join(fd, fd); }
  /// The same with a socket or stream descriptor of Asio's, moved in. No operation may be pending on it.
  template <detail::releasable Stream> result<void> join(Stream&& stream);
  /// Sends a channel, of whatever session, over this one: the remote side gets it from its `accept` on this channel,
  /// with the service and headers of the original, and `meta::relayed` telling where it comes from. It is a child
  /// channel that this process joins with `what` in the background, what was read ahead first, so nothing is lost and
  /// the handle `what` is of no more use. Returns when the remote side has it; on any error `what` is as it was. Within
  /// the process send the handle itself, in any message. When this process dies both ends read `connection_lost`.
  /// Errors: as of `open` on a channel.
  result<void> send(const channel& what) { return detail::wait(state_, detail::send_op{&what.state_}); }
  /// Opens a child channel on the same session; the remote side gets it from its `accept` on this channel, to any
  /// depth. Children end with their parent: closing it closes them, after what was written to them, with the trailers
  /// `status=2` and a reason. Errors: `closed`, `not_found` when the remote side is just closing, `refused`,
  /// `resource_exhausted`, `timed_out`, `unsupported` when the remote side is a stock client.
  result<channel> open(std::string_view service, const std::vector<std::string>& headers = {});
  /// Waits for the next child that the remote side opens, of any service; `accept_queue` of them wait to be taken, more
  /// are refused. Errors: `end_of_stream` when the remote side has closed this channel, `closed`.
  result<channel> accept();
  /// Service, headers, names, key and address of the remote side, trailers once they came.
  result<duplex::meta> meta() const { return detail::wait(state_, detail::meta_op{}); }

  template <class Token = detail::default_token> auto async_read(std::size_t limit = 65536, Token token = {});
  template <class Token = detail::default_token> auto async_read_frame(Token token = {});
  template <class Token = detail::default_token> auto async_read_frames(Token token = {});
  template <class Token = detail::default_token> auto async_read_error(Token token = {});
  template <class Token = detail::default_token> auto async_write(std::string_view data, Token token = {});
  template <class Token = detail::default_token> auto async_write_frame(std::string_view payload, Token token = {});
  template <class Token = detail::default_token> auto async_write_frames(const frames& batch, Token token = {});
  template <class Token = detail::default_token> auto async_write_error(std::string_view payload, Token token = {});
  template <class Token = detail::default_token> auto async_flush(Token token = {});
  template <class Token = detail::default_token> auto async_close_write(Token token = {});
  template <class Token = detail::default_token>
  auto async_write_trailers(const std::vector<std::string>& list, Token token = {});
  template <class Token = detail::default_token> auto async_trailers(Token token = {});
  template <class Token = detail::default_token> auto async_close(Token token = {});
  template <class Token = detail::default_token> auto async_join(const channel& other, Token token = {});
  template <class Token = detail::default_token> auto async_join(int in, int out, Token token = {});
  template <class Token = detail::default_token>
  requires(!std::is_integral_v<Token>) auto async_join(int fd, Token token = {});
  template <detail::releasable Stream, class Token = detail::default_token>
  auto async_join(Stream&& stream, Token token = {});
  template <class Token = detail::default_token> auto async_send(const channel& what, Token token = {});
  template <class Token = detail::default_token> auto async_open(std::string_view service, Token token = {});
  template <class Token = detail::default_token>
  auto async_open(std::string_view service, const std::vector<std::string>& headers, Token token = {});
  template <class Token = detail::default_token> auto async_accept(Token token = {});
  template <class Token = detail::default_token> auto async_meta(Token token = {}) const;

  /// For the library.
  [[nodiscard]] const std::shared_ptr<detail::channel_state>& state() const noexcept { return state_; }

 private:
  std::shared_ptr<detail::channel_state> state_;
};

inline result<channel> channel::open(std::string_view service, const std::vector<std::string>& headers) {
  return detail::wait(state_, detail::open_child_op{service, &headers});
}
inline result<channel> channel::accept() { return detail::wait(state_, detail::accept_child_op{}); }

}  // namespace duplex

// Handles are messages within the process.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::channel)
