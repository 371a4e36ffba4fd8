// SPDX-License-Identifier: BSD-2-Clause
#pragma once
#include <grpcpp/grpcpp.h>

#include <coroutine>
#include <exception>

namespace bench {

/// A coroutine that nobody waits for; its frame is what the call keeps.
struct detached {
  struct promise_type {
    detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

/// Who waits for a tag of a completion queue.
struct waiting {
  std::coroutine_handle<> who;
  bool is_ok = false;
};

/// One operation of a completion queue: `co_await step([&](void* tag) { stream.Read(&frame, tag); })` says whether it
/// went well. Worker-bound: started and ended on the one thread that takes from the queue.
template <class Start> class step : waiting {
 public:
  explicit step(Start start) : start_(start) {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> caller) {
    who = caller;
    start_(static_cast<waiting*>(this));
  }
  bool await_resume() const { return is_ok; }

 private:
  Start start_;
};

/// Resumes who waits for tags of `queue` until `is_over`, or until the queue is shut down.
inline void resume_until(grpc::CompletionQueue& queue, const bool& is_over) {
  void* tag = nullptr;
  for (bool is_ok = false; !is_over && queue.Next(&tag, &is_ok);) {
    auto* one = static_cast<waiting*>(tag);
    one->is_ok = is_ok;
    one->who.resume();
  }
}

}  // namespace bench
