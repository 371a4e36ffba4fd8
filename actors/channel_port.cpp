// SPDX-License-Identifier: BSD-2-Clause
#include "actors/channel_port.hpp"

#include <caf/actor_cast.hpp>

#include <algorithm>

namespace duplex::detail {
namespace {

error closed_for_writing() { return {errc::closed, "write: this side has closed its writing"}; }

// Why nothing can be written.
error why_blocked(const error& end) { return end ? end : closed_for_writing(); }

}  // namespace

channel_port::channel_port(caf::actor_config& config, channel_actor actor, worker* home)
    : requester(config),
      actor_(std::move(actor)),
      target_(caf::actor_cast<caf::strong_actor_ptr>(actor_)),
      core_(channel_core::of(actor_)),
      home_(home),
      inbox_(core_ != nullptr && core_->by_lines()) {
  if (core_ != nullptr) {
    max_frame_ = core_->max_frame();
    outbox_.set_high_water(core_->high_water());
  }
}

bool channel_port::has_ended() const { return core_ == nullptr || core_->has_ended(); }

void channel_port::start() {
  // Weak, else port and channel would keep each other: the handles keep the port.
  watch(target_, [weak = caf::weak_actor_ptr{ctrl()}](const caf::error& reason) {
    if (auto self = weak.lock()) static_cast<channel_port*>(self->get())->on_end(reason);
  });
}

void channel_port::disown() {
  std::lock_guard lock{mutex_};
  flush_locked();
  disowned_ = true;
}

void channel_port::abandon() {
  std::lock_guard lock{mutex_};
  flush_locked();
  if (!disowned_ && !end_) send(target_, close_atom_v);
}

// An actor to which a message goes then is ended in place of taking it.
void channel_port::runtime_stopped() noexcept {
  {
    std::lock_guard lock{mutex_};
    stopped_ = true;
  }
  send(target_, close_atom_v);
}

bool channel_port::has_stopped() {
  std::lock_guard lock{mutex_};
  return stopped_;
}

bool channel_port::is_over() {
  std::lock_guard lock{mutex_};
  return static_cast<bool>(end_);
}

std::optional<result<void>> channel_port::try_write(std::string_view data, form how) {
  std::lock_guard lock{mutex_};
  if (is_blocked()) return result<void>{why_blocked(end_)};
  if (how == form::frame && data.size() > max_frame_) return result<void>{too_large(data.size(), max_frame_)};
  if (must_wait()) return std::nullopt;
  put(data, how);
  return result<void>{};
}

std::optional<result<void>> channel_port::try_write(const frames& batch) {
  std::lock_guard lock{mutex_};
  if (is_blocked()) return result<void>{why_blocked(end_)};
  if (batch.wire_size() > max_frame_)
    for (const auto payload : batch)
      if (payload.size() > max_frame_) return result<void>{too_large(payload.size(), max_frame_)};
  if (batch.empty()) return result<void>{};
  if (must_wait()) return std::nullopt;
  put(batch);
  return result<void>{};
}

void channel_port::put(std::string_view data, form how) {
  if (!outbox_.fits(data.size(), how)) flush_locked();
  outbox_.put(data, how);
  handed_over();
}

void channel_port::put(const frames& batch) {
  flush_locked();
  hand_over(batch);
  outbox_.passed(batch.wire_size());
  handed_over();
}

void channel_port::handed_over() {
  if (outbox_.is_full())
    flush_locked();
  else if (outbox_.has_frames() || outbox_.has_bytes())
    schedule();
  want_drained();
}

void channel_port::schedule() {
  if (std::exchange(scheduled_, true)) return;
  const caf::intrusive_ptr<channel_port> self{this};
  if (worker::current() == home_)
    ref_for_turn_ = self, home_->when_idle(*this);
  else
    home_->post([self] { self->run(); });
}

// Readers first: what they write on hearing it leaves at once.
void channel_port::run() {
  const auto keep = std::exchange(ref_for_turn_, nullptr);
  std::unique_lock lock{mutex_};
  if (std::exchange(came_, false)) serve_readers(lock);
  scheduled_ = false;
  flush_locked();
  if (came_) schedule();
  fetch(std::move(lock));
}

// The runtime has stopped: nothing is written nor scheduled any more, but what came is given to who waits for it.
void channel_port::dropped() noexcept {
  const auto keep = std::exchange(ref_for_turn_, nullptr);
  std::unique_lock lock{mutex_};
  if (std::exchange(came_, false)) serve_readers(lock);
}

// Sending under the mutex keeps the order between a full outbox and the turn's end; it only fills a mailbox, or a
// stream.
void channel_port::flush_locked() {
  if (outbox_.has_frames()) hand_over(outbox_.take_frames());
  if (outbox_.has_bytes()) send(target_, write_atom_v, outbox_.take_bytes());
}

void channel_port::hand_over(frames batch) {
  const auto consumed = inbox_.take_credit();
  if (core_ == nullptr || !core_->write_now(batch, consumed)) send(target_, write_atom_v, std::move(batch), consumed);
}

void channel_port::want_drained() {
  if (!outbox_.asks()) return;
  outbox_.asked();
  flush_locked();
  request(
      target_, no_timeout,
      [self = caf::intrusive_ptr<channel_port>{this}](const caf::error& failed, const caf::message&) {
        if (!failed) self->drained();  // otherwise on_end tells the writers
      },
      sent_atom_v);
}

void channel_port::drained() {
  std::vector<completion_ptr<void>> done;
  {
    std::lock_guard lock{mutex_};
    outbox_.answered();
    while (!writers_.empty() && outbox_.may_pass()) {
      auto next = std::move(writers_.front());
      writers_.pop_front();
      if (!next.done->claim()) continue;
      put_postponed(next);
      done.push_back(std::move(next.done));
    }
    want_drained();
  }
  for (auto& one : done) one->complete({});
}

void channel_port::write(std::string_view data, form how, completion_ptr<void> done) {
  if (auto now = try_write(data, how)) return done->complete(std::move(*now));
  postpone({bytes{data}, how, {}, std::move(done)});
}

void channel_port::write(const frames& batch, completion_ptr<void> done) {
  if (auto now = try_write(batch)) return done->complete(std::move(*now));
  postpone({{}, form::frame, batch, std::move(done)});
}

// Waits for the channel to drain, unless it has meanwhile.
void channel_port::postpone(postponed what) {
  std::unique_lock lock{mutex_};
  auto why = is_blocked() ? why_blocked(end_) : error{};
  if (!why && must_wait()) {
    std::erase_if(writers_, [](const postponed& each) { return !each.done->waits(); });
    writers_.push_back(std::move(what));
    return;
  }
  if (!what.done->claim()) return;
  if (!why) put_postponed(what);
  lock.unlock();
  what.done->complete(std::move(why));
}

void channel_port::put_postponed(const postponed& what) {
  if (what.batch.empty())
    put(what.data, what.how);
  else
    put(what.batch);
}

result<void> channel_port::end_writing(std::optional<std::vector<std::string>> trailers) {
  std::lock_guard lock{mutex_};
  if (end_) return end_;
  if (trailers)
    if (auto wrong = check_trailers(*trailers)) return wrong;
  if (trailers ? std::exchange(trailers_written_, true) : write_ended_) return closed_for_writing();
  write_ended_ = true;
  flush_locked();
  if (trailers)
    send(target_, trailers_atom_v, std::move(*trailers));
  else
    send(target_, eof_atom_v);
  return {};
}

result<void> channel_port::close() {
  std::lock_guard lock{mutex_};
  if (end_) return {};
  write_ended_ = trailers_written_ = true;
  flush_locked();
  send(target_, close_atom_v);
  return {};
}

void channel_port::trailers(completion_ptr<std::vector<std::string>> done) {
  {
    std::unique_lock lock{mutex_};
    if (end_) {
      auto outcome = trailed_ ? result<std::vector<std::string>>{trailers_} : result<std::vector<std::string>>{end_};
      lock.unlock();
      return done->complete(std::move(outcome));
    }
  }
  ask<std::vector<std::string>>(std::move(done), trailers_atom_v);
}

void channel_port::describe(completion_ptr<meta> done) {
  std::unique_lock lock{mutex_};
  if (!end_) {
    lock.unlock();
    return ask<meta>(std::move(done), meta_atom_v);
  }
  result<meta> outcome{end_};
  // What an ended channel was made from does not change, and the handle keeps it alive.
  if (core_ != nullptr) {
    auto known = core_->describe();
    known.trailers = trailers_;
    known.trailed = trailed_;
    outcome = std::move(known);
  }
  lock.unlock();
  done->complete(std::move(outcome));
}

// To who accepts, the end of the channel is the end of a stream.
void channel_port::accept(completion_ptr<channel> done) {
  {
    std::lock_guard lock{mutex_};
    if (!acceptors_) acceptors_ = std::make_unique<acceptors>();
  }
  if (!acceptors_->wait(std::move(done))) return;
  struct accepting final : completion<channel> {
    explicit accepting(caf::intrusive_ptr<channel_port> by) : port(std::move(by)) {}
    void complete(result<channel> outcome) override {
      if (!outcome && outcome.error().code() == errc::closed) {
        std::unique_lock lock{port->mutex_};
        if (port->end_) outcome = port->end_of_reading();
      }
      port->acceptors_->answered(std::move(outcome));
    }
    caf::intrusive_ptr<channel_port> port;
  };
  ask<channel>(std::make_unique<accepting>(caf::intrusive_ptr<channel_port>{this}), accept_atom_v);
}

void channel_port::on_end(const caf::error& reason) {
  std::unique_lock lock{mutex_};
  if (end_) return;
  end_ = reason ? from_caf(reason) : error{errc::closed, "the channel is closed"};
  ended_by_remote_ = ended_by_remote(reason);
  // Not from the reason: that is a normal one when the channel was closed here.
  if (const auto* last = core_ != nullptr ? core_->last_trailers() : nullptr; (trailed_ = last != nullptr))
    trailers_ = *last;
  else
    trailers_ = trailers_of(reason, trailed_);
  const auto why = end_;
  auto error_readers = std::exchange(error_readers_, {});
  auto writers = std::exchange(writers_, {});
  auto others = std::exchange(at_end_, {});
  serve_readers(lock);
  lock.unlock();
  for (auto& one : error_readers) read_error(std::move(one));
  for (auto& one : writers) one.done->complete(why);
  for (auto& one : others) one();
}

}  // namespace duplex::detail
