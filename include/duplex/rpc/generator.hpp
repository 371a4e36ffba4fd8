// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/erased.hpp>

#include <coroutine>
#include <exception>
#include <memory>

// What is behind a coroutine that yields; for the library.

namespace duplex::rpc::detail {

/// A coroutine that yields, without its type. Worker-bound: polled and resumed by one executor.
class generator_base : public source, public std::enable_shared_from_this<generator_base> {
 public:
  explicit generator_base(std::coroutine_handle<> body) : body_(body) {}
  ~generator_base() override { body_.destroy(); }
  generator_base(const generator_base&) = delete;
  generator_base& operator=(const generator_base&) = delete;

  state poll(void* into, waker wake, const executor& on) final;
  /// The body awaits `what`, and goes on after it.
  void await(task<void> what);
  /// Nobody reads any more.
  void abandon();
  /// For the awaiter: what `await` threw.
  std::exception_ptr awaited_error;

 protected:
  /// Moves the yielded object, if there is one.
  virtual bool take(void* into) = 0;
  std::exception_ptr error_;

 private:
  void resume();
  struct cancellation;
  std::coroutine_handle<> body_;
  executor on_;
  waker wake_;
  std::shared_ptr<cancellation> cancel_;
  bool awaiting_ = false, abandoned_ = false;
};

/// What a stream holds of a generator: its end is told, for an operation under way keeps the coroutine alive.
source_ptr owned(std::shared_ptr<generator_base> body);

}  // namespace duplex::rpc::detail
