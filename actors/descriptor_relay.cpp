// SPDX-License-Identifier: BSD-2-Clause
#include "actors/descriptor_relay.hpp"

#include "actors/channel_actor.hpp"
#include "runtime/messages.hpp"
#include "runtime/roots.hpp"
#include "transport/messages.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace duplex::detail {
namespace {

constexpr std::uint32_t block_size = 64 << 10;    // what Linux gives a pipe
constexpr std::uint32_t worth_reading = 4 << 10;  // less room than that is not worth a system call

bool would_wait(ssize_t outcome) { return outcome == -EAGAIN || outcome == -EWOULDBLOCK; }

}  // namespace

descriptor_relay::descriptor_relay(caf::actor_config& config, worker* home, relay_end channel, const descriptor& with)
    : pinned_actor<caf::event_based_actor>(config, home),
      from_(std::move(channel)),
      ends_(with.ends()),
      ready_(*home) {}

caf::behavior descriptor_relay::make_behavior() {
  add_root(system(), caf::strong_actor_ptr{ctrl()}, "join");
  set_down_handler([this](const caf::down_msg& down) { channel_ended(down.reason); });
  start();
  return {
      [this](join_atom) { return joined_ = make_response_promise(); },
      [this](bytes_atom, bytes& data) { arrived(std::move(data)); },
      [this](error_atom, const frames& batch) { give_credit(batch.wire_size()); },
      [this](trailers_atom, const std::vector<std::string>&) {},  // the channel's handle has them, too
      [this](eof_atom) {
        last_came_ = true;
        write_some();
      },
      [this](ready_atom, bool read, bool written) {
        if (written) write_some();
        if (read) read_some();
      },
      [this](shutdown_atom, std::chrono::milliseconds) {
        hurry_ = true;
        if (channel_gone_) give_up();
      },
  };
}

// A descriptor has none; left in the queue they would keep the channel.
void descriptor_relay::refuse_children() {
  request(from_.channel, caf::infinite, accept_atom_v)
      .then(
          [this](const caf::actor& child) {
            caf::anon_send(child, close_atom_v,
                           error{errc::unsupported, "what is joined with a descriptor has no children"});
            refuse_children();
          },
          [](const caf::error&) {});
}

void descriptor_relay::start() {
  monitor(from_.channel);
  if (auto failed = ready_.start(caf::strong_actor_ptr{ctrl()}, *ends_)) {
    fail(failed);
    return quit(to_caf(outcome_));
  }
  const auto size = static_cast<std::uint32_t>(from_.unread.size());
  give_credit(from_.credit - std::min(from_.credit, size));
  if (size != 0) arrived(std::exchange(from_.unread, {}));
  refuse_children();
  request(from_.channel, caf::infinite, subscribe_atom_v, caf::strong_actor_ptr{ctrl()}, delivery::bytes)
      .then([this] { read_some(); },
            [this](const caf::error& failed) {
              if (from_caf(failed).code() == errc::closed) return;  // its down message says the rest
              refused_ = true;
              quit(failed);
            });
}

void descriptor_relay::on_exit() {
  if (joined_.pending()) {
    if (const auto reason = fail_state())
      joined_.deliver(reason);
    else
      joined_.deliver(caf::unit);
  }
  ready_.close();
  if (!refused_) ends_->cut();
  ends_.reset();
  queue_.clear();
}

void descriptor_relay::arrived(bytes data) {
  if (write_ended_) return give_credit(data.size());
  queue_.push_back(std::move(data));
  if (queue_.size() == 1) write_some();
}

void descriptor_relay::write_some() {
  std::size_t written = 0;
  while (!queue_.empty()) {
    auto& next = queue_.front();
    const auto n = ends_->write(next);
    if (n < 0 && would_wait(n)) break;
    if (n < 0) return write_failed(static_cast<int>(-n));
    written += static_cast<std::size_t>(n);
    next.remove_prefix(static_cast<std::size_t>(n));
    if (next.empty()) queue_.pop_front();
  }
  give_credit(written);
  const bool blocked = !queue_.empty();
  if (blocked && channel_gone_ && (outcome_ || hurry_)) return give_up();
  ready_.want_room(blocked);
  if (!blocked && last_came_) end_writing();
}

void descriptor_relay::give_up() {
  if (!outcome_)
    outcome_ = {errc::io, "join: the runtime ended before " + std::string{ends_->out().name()} + " took everything"};
  quit(to_caf(outcome_));
}

void descriptor_relay::end_writing() {
  if (std::exchange(write_ended_, true)) return;
  ends_->end_writing();
  if (channel_gone_) return quit(to_caf(outcome_));
  if (read_ended_) finish_channel();
}

// What one socket still has to say is passed on, up to its end: a server may refuse an upload and say why.
void descriptor_relay::write_failed(int number) {
  const auto why = io_error("writing to ", ends_->out(), number);
  for (const auto& each : std::exchange(queue_, {})) give_credit(each.size());
  write_ended_ = true;
  if (!ends_->is_one_socket() || read_ended_ || channel_gone_) return fail(why);
  outcome_ = why;
  ready_.want_room(false);
  ends_->cut();
  read_some();
}

void descriptor_relay::read_some() {
  if (sending_ || read_ended_ || finishing_) return;
  if (!block_ || block_->capacity() - used_ < worth_reading) {
    block_ = block_ptr{block::make(block_size)};
    used_ = 0;
  }
  const auto n = ends_->read(block_->begin() + used_, block_->capacity() - used_);
  if (n > 0) {
    const auto from = std::exchange(used_, used_ + static_cast<std::uint32_t>(n));
    return pass_on({block_, from, used_});
  }
  if (would_wait(n)) {
    if (used_ == 0) block_ = {};  // an idle join keeps no memory
    return;
  }
  if (n < 0 && !outcome_) return fail(io_error("reading from ", ends_->in(), static_cast<int>(-n)));
  end_reading();
}

void descriptor_relay::pass_on(bytes data) {
  sending_ = true;
  request(from_.channel, caf::infinite, write_atom_v, std::move(data))
      .then(
          [this] {
            sending_ = false;
            read_some();
          },
          [](const caf::error&) {});  // the channel has ended: its down message says the rest
}

void descriptor_relay::end_reading() {
  read_ended_ = true;
  block_ = {};
  if (!outcome_) caf::anon_send(from_.channel, eof_atom_v);
  if (write_ended_) finish_channel();
}

// The descriptor's error is the remote side's to know.
void descriptor_relay::fail(const error& why) {
  if (!outcome_) outcome_ = why;
  if (channel_gone_) return quit(to_caf(outcome_));
  finish_channel();
}

void descriptor_relay::finish_channel() {
  if (std::exchange(finishing_, true)) return;
  if (outcome_) caf::anon_send(from_.channel, trailers_atom_v, transport::as_trailers(outcome_));
  caf::anon_send(from_.channel, close_atom_v);
}

// What has arrived is written, however long that takes; after an error only as far as that takes no waiting.
void descriptor_relay::channel_ended(const caf::error& reason) {
  channel_gone_ = read_ended_ = last_came_ = true;
  if (!outcome_) outcome_ = join_outcome(reason).error();
  if (finishing_ || write_ended_) return quit(to_caf(outcome_));
  write_some();
}

void descriptor_relay::give_credit(std::size_t count) {
  if (count != 0 && !channel_gone_) caf::anon_send(from_.channel, credit_atom_v, static_cast<std::uint32_t>(count));
}

error descriptor_relay::io_error(const char* doing, const descriptor_end& end, int number) const {
  return {errc::io, std::string{"join: "} + doing + std::string{end.name()} + ": " + std::strerror(number)};
}

}  // namespace duplex::detail
