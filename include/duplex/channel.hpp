// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/descriptor.hpp>
#include <duplex/messages.hpp>
#include <duplex/result.hpp>

#include <caf/actor_control_block.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::descriptor)

namespace duplex {

class channel;

/// *Actor.* One channel. Requests answer with CAF errors made from `errc`; see `from_caf`. It ends, and so tells those
/// who monitor it, when the remote side has closed the channel and all that arrived was taken (reason `errc::closed`),
/// when the session is lost (`errc::connection_lost`), or when it is closed here (a normal exit). The trailers of the
/// remote side are in the reason: `trailers_of`.
using channel_actor = caf::typed_actor<
    /// Frames to send, and how many received bytes the sender is done with: the hot path, without an answer. Above
    /// `send_high_water` the credit is kept until the queue has drained, so an echo is bounded by what it reads.
    caf::reacts_to<write_atom, frames, std::uint32_t>,
    /// The same with an answer, once no more than `send_high_water` waits to be sent.
    caf::replies_to<write_atom, frames>::with<void>, caf::replies_to<write_atom, bytes>::with<void>,
    /// Error frames: SSH's stderr.
    caf::replies_to<error_atom, frames>::with<void>,
    /// Answers when no more than `send_low_water` waits to be sent.
    caf::replies_to<sent_atom>::with<void>,
    /// So many received bytes are done with: the remote side may send as many again.
    caf::reacts_to<credit_atom, std::uint32_t>,
    /// From now on everything that arrives goes to this actor: `(frames_atom, frames)` or `(bytes_atom, bytes)`, one
    /// message per wake-up, `(error_atom, frames)`, `(trailers_atom, list)`, `(eof_atom)`. It returns credit for both,
    /// in bytes on the wire, with its writes or by `credit`. The channel closes when the subscriber ends.
    caf::replies_to<subscribe_atom, caf::strong_actor_ptr, delivery>::with<void>,
    /// Waits for bytes, at most so many. `errc::end_of_stream` after the last.
    caf::replies_to<read_atom, std::uint64_t>::with<bytes>,
    /// Waits for frames: all that are there. The number is credit for those taken before.
    caf::replies_to<frames_atom, std::uint32_t>::with<frames>,
    /// Waits for error frames.
    caf::replies_to<error_atom>::with<frames>,
    /// Half-close: the remote side sees the end of the stream.
    caf::replies_to<eof_atom>::with<void>,
    /// The last word of this side; nothing can be written after it.
    caf::replies_to<trailers_atom, std::vector<std::string>>::with<void>,
    /// Waits for the remote side's last word. `errc::closed` when it closes without one.
    caf::replies_to<trailers_atom>::with<std::vector<std::string>>,
    /// Sends what is queued, then closes. Ends the actor.
    caf::replies_to<close_atom>::with<void>,
    /// Splices the two channels; neither may have a subscriber. Answers when both have ended.
    caf::replies_to<join_atom, caf::actor>::with<void>,
    /// The same with a descriptor.
    caf::replies_to<join_atom, descriptor>::with<void>,
    /// Sends a channel: opens a child for it and splices the two; see `channel::send`.
    caf::replies_to<send_atom, caf::actor>::with<void>,
    /// Opens a child: service, headers. Answers with its `channel_actor` (a type cannot name itself here).
    caf::replies_to<open_atom, std::string, std::vector<std::string>>::with<caf::actor>,
    /// The next child that the remote side opens, a `channel_actor` too.
    caf::replies_to<accept_atom>::with<caf::actor>, caf::replies_to<meta_atom>::with<meta>>;

namespace detail {

class channel_port;
struct channel_state;
struct default_token;  // Asio's use_awaitable, see <duplex/async.hpp>

/// *Interface.* Where an operation's outcome goes, exactly once.
template <class T> class completion {
 public:
  virtual void complete(result<T> outcome) = 0;
  virtual ~completion() = default;
};
template <class T> using completion_ptr = std::unique_ptr<completion<T>>;

// The operations of a channel. Each is written once, as `attempt` (done at once, or nothing) and `start`; its blocking
// and asynchronous faces come from `wait` and `async`.
struct read_op {
  using value = bytes;
  std::size_t limit;
};
struct read_frame_op {
  using value = bytes;
};
struct read_frames_op {
  using value = frames;
};
struct read_error_op {
  using value = bytes;
};
struct write_op {
  using value = void;
  std::string_view data;
};
struct write_frame_op {
  using value = void;
  std::string_view payload;
};
struct write_frames_op {
  using value = void;
  const frames* batch;
};
struct write_error_op {
  using value = void;
  std::string_view payload;
};
struct flush_op {
  using value = void;
};
struct close_write_op {
  using value = void;
};
struct write_trailers_op {
  using value = void;
  const std::vector<std::string>* list;
};
struct trailers_op {
  using value = std::vector<std::string>;
};
struct close_op {
  using value = void;
};
struct join_op {
  using value = void;
  const std::shared_ptr<channel_state>* other;
};
struct join_descriptor_op {
  using value = void;
  result<descriptor> with;
};
template <class T>
concept releasable = !std::is_lvalue_reference_v<T> && requires(T from) {
  from.native_handle();
  from.release();
};
struct send_op {
  using value = void;
  const std::shared_ptr<channel_state>* what;
};
struct open_child_op {
  using value = channel;
  std::string_view service;
  const std::vector<std::string>* headers;
};
struct accept_child_op {
  using value = channel;
};
struct meta_op {
  using value = duplex::meta;
};

template <class Op> std::optional<result<typename Op::value>> attempt(channel_state& on, const Op& op);
template <class Op>
void start(const std::shared_ptr<channel_state>& on, const Op& op, completion_ptr<typename Op::value> done);
/// The blocking face: waits for the outcome, `would_deadlock` on a worker thread.
template <class Op, class Target> result<typename Op::value> wait(const std::shared_ptr<Target>& on, const Op& op);

}  // namespace detail

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
  /// `status=2` and a reason. Errors: `closed`, `refused`, `resource_exhausted`, `timed_out`, `unsupported` when the
  /// remote side is a stock client.
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
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(duplex::channel_actor)
