// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/stream.hpp>

#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace duplex::rpc {
namespace detail {

/// *Any thread.* What both ends of a pipe share. The mutex stands for the mailbox that the two do not have; it is never
/// held while anybody's code runs.
template <class T> class pipe_state final : public source {
 public:
  state poll(void* into, waker wake, const executor&) override {
    std::unique_lock lock{mutex_};
    if (!queue_.empty()) {
      static_cast<std::optional<T>*>(into)->emplace(std::move(queue_.front()));
      queue_.pop_front();
      release(lock, writers_);
      return state::item;
    }
    if (closed_) {
      if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
      return state::end;
    }
    if (wake) reader_.assign(1, std::move(wake));
    return state::pending;
  }
  /// False when the queue is full: then `wake` is kept. Throws when nobody reads any more.
  bool put(T& object, waker wake) {
    std::unique_lock lock{mutex_};
    if (closed_) throw failure{code::cancelled, "the pipe is closed"};
    if (queue_.size() >= most) {
      if (wake) writers_.push_back(std::move(wake));
      return false;
    }
    queue_.push_back(std::move(object));
    release(lock, reader_);
    return true;
  }
  [[nodiscard]] bool is_open() {
    std::lock_guard lock{mutex_};
    return !closed_;
  }
  void close(std::exception_ptr why, bool read) {
    std::unique_lock lock{mutex_};
    if (!closed_) error_ = std::move(why);
    closed_ = true;
    if (!read) queue_.clear();
    auto all = std::exchange(writers_, {});
    all.insert(all.end(), reader_.begin(), reader_.end());
    reader_.clear();
    release(lock, all);
  }

 private:
  static constexpr std::size_t most = 64;  // objects; enough for a reader that is woken once per batch

  static void release(std::unique_lock<std::mutex>& lock, std::vector<waker>& whom) {
    const auto woken = std::exchange(whom, {});
    lock.unlock();
    for (const auto& wake : woken) wake();
  }
  std::mutex mutex_;  // guards what follows
  std::deque<T> queue_;
  std::vector<waker> reader_, writers_;
  std::exception_ptr error_;
  bool closed_ = false;
};

/// The reading end: when it goes, writers are told.
template <class T> class pipe_reader final : public source {
 public:
  explicit pipe_reader(std::shared_ptr<pipe_state<T>> of) : of_(std::move(of)) {}
  ~pipe_reader() override { of_->close(nullptr, false); }
  state poll(void* into, waker wake, const executor& on) override { return of_->poll(into, std::move(wake), on); }

 private:
  std::shared_ptr<pipe_state<T>> of_;
};

}  // namespace detail

/// The writing end of a pipe: for actors, callbacks and threads, which cannot yield. Copies write into the same pipe;
/// the stream ends when the last one goes. Thread: any.
template <class T> class sink {
 public:
  explicit sink(const std::shared_ptr<detail::pipe_state<T>>& into)
      : into_(into.get(), [into](auto*) { into->close(nullptr, true); }) {}

  /// Waits while 64 objects are not yet taken. Throws `failure(cancelled)` when nobody reads any more.
  task<void> write(T object) { return write(into_, std::move(object)); }
  /// The same, blocking; not on a worker.
  void put(T object) {
    detail::wait_until([&](detail::waker wake) { return into_->put(object, std::move(wake)); });
  }
  /// False, and nothing done, when it would have to wait.
  bool try_write(T& object) { return into_->put(object, {}); }
  /// Ends the stream; what was written is read first. With a reason the reader gets that as a `failure`.
  void close() { into_->close(nullptr, true); }
  void close(const status& why) { into_->close(std::make_exception_ptr(failure{why}), true); }
  /// False once it is closed, or nobody reads any more.
  [[nodiscard]] bool is_open() const { return into_->is_open(); }
  /// Whether both write into the same pipe.
  friend bool operator==(const sink&, const sink&) = default;

 private:
  static task<void> write(std::shared_ptr<detail::pipe_state<T>> into, T object) {
    if (into->put(object, {})) co_return;
    auto done = detail::until([into, &object](detail::waker wake) { return into->put(object, std::move(wake)); });
    co_await std::move(done);
  }
  std::shared_ptr<detail::pipe_state<T>> into_;
};

/// A stream and where to write what it gives: `auto [out, in] = pipe<int>();`.
template <class T> std::pair<sink<T>, stream<T>> pipe() {
  auto state = std::make_shared<detail::pipe_state<T>>();
  return {sink<T>{state}, stream<T>{std::make_shared<detail::pipe_reader<T>>(state)}};
}

}  // namespace duplex::rpc
