// SPDX-License-Identifier: BSD-2-Clause
// The handle's operations: one `attempt` and one `start` each, from which the blocking and the async face come.
#include <duplex/channel.hpp>

#include "actors/blocking.hpp"
#include "actors/channel_actor.hpp"
#include "actors/channel_state.hpp"
#include "runtime/scheduler.hpp"

#include <caf/actor_cast.hpp>

namespace duplex {
namespace detail {

template <> std::optional<result<bytes>> attempt(channel_state& on, const read_op& op) {
  return on.port->try_read(op.limit);
}
template <> std::optional<result<bytes>> attempt(channel_state& on, const read_frame_op&) {
  return on.port->try_read_frame();
}
template <> std::optional<result<frames>> attempt(channel_state& on, const read_frames_op&) {
  return on.port->try_read_frames();
}
template <> std::optional<result<bytes>> attempt(channel_state& on, const read_error_op&) {
  return on.port->try_read_error();
}
template <> std::optional<result<void>> attempt(channel_state& on, const write_op& op) {
  return on.port->try_write(op.data, channel_port::form::raw);
}
template <> std::optional<result<void>> attempt(channel_state& on, const write_frame_op& op) {
  return on.port->try_write(op.payload, channel_port::form::frame);
}
template <> std::optional<result<void>> attempt(channel_state& on, const write_frames_op& op) {
  return on.port->try_write(*op.batch);
}
template <> std::optional<result<void>> attempt(channel_state&, const write_error_op&) { return std::nullopt; }
template <> std::optional<result<void>> attempt(channel_state&, const flush_op&) { return std::nullopt; }
template <> std::optional<result<void>> attempt(channel_state& on, const close_write_op&) {
  return on.port->end_writing();
}
template <> std::optional<result<void>> attempt(channel_state& on, const write_trailers_op& op) {
  return on.port->end_writing(*op.list);
}
template <> std::optional<result<std::vector<std::string>>> attempt(channel_state&, const trailers_op&) {
  return std::nullopt;
}
template <> std::optional<result<void>> attempt(channel_state& on, const close_op&) { return on.port->close(); }
template <> std::optional<result<void>> attempt(channel_state&, const join_op&) { return std::nullopt; }
template <> std::optional<result<void>> attempt(channel_state&, const join_descriptor_op& op) {
  return op.with ? std::nullopt : std::optional{result<void>{op.with.error()}};
}
template <> std::optional<result<void>> attempt(channel_state&, const send_op&) { return std::nullopt; }
template <> std::optional<result<channel>> attempt(channel_state&, const open_child_op&) { return std::nullopt; }
template <> std::optional<result<channel>> attempt(channel_state&, const accept_child_op&) { return std::nullopt; }
template <> std::optional<result<meta>> attempt(channel_state&, const meta_op&) { return std::nullopt; }

template <> void start(const std::shared_ptr<channel_state>& on, const read_op& op, completion_ptr<bytes> done) {
  on->port->read(op.limit, std::move(done));
}
template <> void start(const std::shared_ptr<channel_state>& on, const read_frame_op&, completion_ptr<bytes> done) {
  on->port->read_frame(std::move(done));
}
template <> void start(const std::shared_ptr<channel_state>& on, const read_frames_op&, completion_ptr<frames> done) {
  on->port->read_frames(std::move(done));
}
template <> void start(const std::shared_ptr<channel_state>& on, const read_error_op&, completion_ptr<bytes> done) {
  on->port->read_error(std::move(done));
}
template <> void start(const std::shared_ptr<channel_state>& on, const write_op& op, completion_ptr<void> done) {
  on->port->write(op.data, channel_port::form::raw, std::move(done));
}
template <> void start(const std::shared_ptr<channel_state>& on, const write_frame_op& op, completion_ptr<void> done) {
  on->port->write(op.payload, channel_port::form::frame, std::move(done));
}
template <> void start(const std::shared_ptr<channel_state>& on, const write_frames_op& op, completion_ptr<void> done) {
  on->port->write(*op.batch, std::move(done));
}
template <> void start(const std::shared_ptr<channel_state>& on, const write_error_op& op, completion_ptr<void> done) {
  on->port->ask(std::move(done), error_atom_v, make_frames(op.payload));
}
template <> void start(const std::shared_ptr<channel_state>& on, const flush_op&, completion_ptr<void> done) {
  on->port->ask(std::move(done), sent_atom_v);
}
template <> void start(const std::shared_ptr<channel_state>& on, const close_write_op&, completion_ptr<void> done) {
  done->complete(on->port->end_writing());
}
template <>
void start(const std::shared_ptr<channel_state>& on, const write_trailers_op& op, completion_ptr<void> done) {
  done->complete(on->port->end_writing(*op.list));
}
template <>
void start(const std::shared_ptr<channel_state>& on, const trailers_op&,
           completion_ptr<std::vector<std::string>> done) {
  on->port->trailers(std::move(done));
}
template <> void start(const std::shared_ptr<channel_state>& on, const close_op&, completion_ptr<void> done) {
  done->complete(on->port->close());
}
template <> void start(const std::shared_ptr<channel_state>& on, const join_op& op, completion_ptr<void> done) {
  if (!*op.other) return done->complete({errc::closed, "join: an empty handle"});
  on->port->join(*(*op.other)->port, std::move(done));
}
template <>
void start(const std::shared_ptr<channel_state>& on, const join_descriptor_op& op, completion_ptr<void> done) {
  if (!op.with) return done->complete(op.with.error());
  on->port->join(*op.with, std::move(done));
}
template <> void start(const std::shared_ptr<channel_state>& on, const send_op& op, completion_ptr<void> done) {
  if (!*op.what) return done->complete({errc::closed, "send: an empty handle"});
  on->port->send_channel(*op.what, std::move(done));
}
template <>
void start(const std::shared_ptr<channel_state>& on, const open_child_op& op, completion_ptr<channel> done) {
  on->port->ask(std::move(done), open_atom_v, std::string{op.service},
                op.headers != nullptr ? *op.headers : std::vector<std::string>{});
}
template <> void start(const std::shared_ptr<channel_state>& on, const accept_child_op&, completion_ptr<channel> done) {
  on->port->accept(std::move(done));
}
template <> void start(const std::shared_ptr<channel_state>& on, const meta_op&, completion_ptr<meta> done) {
  on->port->describe(std::move(done));
}

template result<bytes> wait(const std::shared_ptr<channel_state>&, const read_op&);
template result<bytes> wait(const std::shared_ptr<channel_state>&, const read_frame_op&);
template result<frames> wait(const std::shared_ptr<channel_state>&, const read_frames_op&);
template result<bytes> wait(const std::shared_ptr<channel_state>&, const read_error_op&);
template result<void> wait(const std::shared_ptr<channel_state>&, const write_op&);
template result<void> wait(const std::shared_ptr<channel_state>&, const write_frame_op&);
template result<void> wait(const std::shared_ptr<channel_state>&, const write_frames_op&);
template result<void> wait(const std::shared_ptr<channel_state>&, const write_error_op&);
template result<void> wait(const std::shared_ptr<channel_state>&, const flush_op&);
template result<void> wait(const std::shared_ptr<channel_state>&, const close_write_op&);
template result<void> wait(const std::shared_ptr<channel_state>&, const write_trailers_op&);
template result<std::vector<std::string>> wait(const std::shared_ptr<channel_state>&, const trailers_op&);
template result<void> wait(const std::shared_ptr<channel_state>&, const close_op&);
template result<void> wait(const std::shared_ptr<channel_state>&, const join_op&);
template result<void> wait(const std::shared_ptr<channel_state>&, const join_descriptor_op&);
template result<void> wait(const std::shared_ptr<channel_state>&, const send_op&);
template result<channel> wait(const std::shared_ptr<channel_state>&, const open_child_op&);
template result<channel> wait(const std::shared_ptr<channel_state>&, const accept_child_op&);
template result<meta> wait(const std::shared_ptr<channel_state>&, const meta_op&);

}  // namespace detail

channel::channel(caf::actor_system& system, channel_actor actor) {
  const auto* core = detail::channel_core::of(actor);
  auto* home = core != nullptr ? core->home() : nullptr;
  auto* workers = detail::scheduler::find(system);
  if (home == nullptr && workers != nullptr) home = &workers->next();
  auto port = detail::make_requester<detail::channel_port>(system, std::move(actor), home);
  port->start();
  state_ = std::make_shared<detail::channel_state>(std::move(port));
  if (workers != nullptr) workers->at_stop(state_);
}

channel_actor channel::actor() const { return state_ ? state_->port->actor() : channel_actor{}; }

channel_actor channel::release() {
  if (!state_) return {};
  state_->port->disown();
  auto actor = state_->port->actor();
  state_.reset();
  return actor;
}

}  // namespace duplex
