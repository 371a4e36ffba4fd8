// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/generator.hpp>

#include <coroutine>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace duplex::rpc {

/// Objects one after the other. As a result or an argument of `fn<Sig>` it makes the call a stream; who makes one is a
/// coroutine that yields (`co_yield x`, and may `co_await` a `task`, and in that whatever a coroutine of Asio's may), a
/// list, or a `pipe`.
/// Reading takes what has arrived and lets the other side send more: a slow reader stops the writer. Dropping it early
/// tells the other side, whose own coroutine is cancelled where it waits. Errors come as `failure`,
/// `failed_precondition` of a stream that was moved from. Thread: one at a time.
template <class T> class [[nodiscard]] stream {
 public:
  using value_type = T;
  struct promise_type;

  stream(std::vector<T> list);
  explicit stream(detail::source_ptr from) : from_(std::move(from)) {}
  stream(stream&&) noexcept = default;
  stream& operator=(stream&&) noexcept = default;

  /// The next object, nothing after the last. Throws `failure`.
  task<std::optional<T>> next() { return read(from_); }
  /// The same, blocking; not on a worker.
  std::optional<T> get() {
    std::optional<T> object;
    detail::wait_for_item(held(from_), &object);
    return object;
  }

  /// For `for (auto& x : calc.ticks(10))`: blocks for each object, throws `failure`.
  class iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;

    explicit iterator(stream* of) : of_(of), object_(of->get()) {}
    T& operator*() { return *object_; }
    iterator& operator++() {
      object_ = of_->get();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return !object_; }

   private:
    stream* of_;
    std::optional<T> object_;
  };
  iterator begin() { return iterator{this}; }
  std::default_sentinel_t end() { return {}; }

  /// For the library.
  detail::source_ptr release() && {
    held(from_);
    return std::move(from_);
  }

 private:
  static detail::source& held(const detail::source_ptr& from) {
    if (from == nullptr) throw failure{code::failed_precondition, "an empty stream: moved from"};
    return *from;
  }
  static task<std::optional<T>> read(detail::source_ptr from) {
    std::optional<T> object;
    if (held(from).poll(&object, {}, {}) == detail::source::state::pending) co_await detail::next_item(from, &object);
    co_return object;
  }
  detail::source_ptr from_;
};

namespace detail {

template <class Ops, class T> const item_ops& items_of() {
  static constexpr item_ops ops{
      &Ops::template of<T>(), []() -> std::shared_ptr<void> { return std::make_shared<std::optional<T>>(); },
      [](void* optional) -> void* { return &static_cast<std::optional<T>*>(optional)->emplace(); },
      [](const void* optional) -> const void* { return &**static_cast<const std::optional<T>*>(optional); }};
  return ops;
}

}  // namespace detail

template <class T> struct stream<T>::promise_type {
  class generator final : public detail::generator_base {
   public:
    explicit generator(std::coroutine_handle<promise_type> body) : generator_base(body), promise_(body.promise()) {}
    void fail(std::exception_ptr why) { this->error_ = std::move(why); }

   private:
    bool take(void* into) override {
      if (!promise_.object) return false;
      *static_cast<std::optional<T>*>(into) = std::exchange(promise_.object, std::nullopt);
      return true;
    }
    promise_type& promise_;
  };
  template <class X> class awaiter {
   public:
    awaiter(task<X> what, promise_type& of) : what_(std::move(what)), of_(of.body) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) {
      if constexpr (std::is_void_v<X>)
        of_->await(std::move(what_));
      else
        of_->await(detail::store(std::move(what_), &got_));
    }
    X await_resume() {
      if (auto why = std::exchange(of_->awaited_error, nullptr)) std::rethrow_exception(why);
      if constexpr (!std::is_void_v<X>) return std::move(*got_);
    }

   private:
    task<X> what_;
    generator* of_;
    std::conditional_t<std::is_void_v<X>, std::monostate, std::optional<X>> got_;
  };

  // Declared, or g++ 12 initialises the first member with the coroutine's first argument: `stream<int> f(int n)` gave
  // n.
  promise_type() {}

  stream get_return_object() {
    auto made = std::make_shared<generator>(std::coroutine_handle<promise_type>::from_promise(*this));
    body = made.get();
    return stream{detail::owned(std::move(made))};
  }
  std::suspend_always initial_suspend() const noexcept { return {}; }
  std::suspend_always final_suspend() const noexcept { return {}; }
  std::suspend_always yield_value(T value) {
    object.emplace(std::move(value));
    return {};
  }
  void return_void() const noexcept {}
  void unhandled_exception() { body->fail(std::current_exception()); }
  template <class X> awaiter<X> await_transform(task<X> what) { return {std::move(what), *this}; }

  std::optional<T> object;
  generator* body = nullptr;
};

namespace detail {

template <class T> class list_source final : public source {
 public:
  explicit list_source(std::vector<T> list) : list_(std::move(list)) {}
  state poll(void* into, waker, const executor&) override {
    if (at_ == list_.size()) return state::end;
    static_cast<std::optional<T>*>(into)->emplace(std::move(list_[at_++]));
    return state::item;
  }

 private:
  std::vector<T> list_;
  std::size_t at_ = 0;
};
}  // namespace detail

template <class T>
stream<T>::stream(std::vector<T> list) : from_(std::make_shared<detail::list_source<T>>(std::move(list))) {}

}  // namespace duplex::rpc
