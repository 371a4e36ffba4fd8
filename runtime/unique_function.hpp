// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <cassert>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace duplex::detail {

template <class Signature> class unique_function;

/// A callable that is moved, never copied (std::move_only_function is C++23). Callables up to 48 bytes live inside it:
/// six pointers, enough for what the library's handlers capture. *Value*, but owned by one thread at a time.
template <class R, class... Args> class unique_function<R(Args...)> {
 public:
  unique_function() noexcept = default;
  unique_function(std::nullptr_t) noexcept {}

  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, unique_function> && std::is_invocable_r_v<R, F&, Args...>)
      unique_function(F&& callable) {
    using type = std::decay_t<F>;
    if constexpr (fits<type>) {
      ::new (static_cast<void*>(space_)) type(std::forward<F>(callable));
      ops_ = &inside<type>;
    } else {
      ::new (static_cast<void*>(space_)) type*(new type(std::forward<F>(callable)));
      ops_ = &outside<type>;
    }
  }

  unique_function(unique_function&& other) noexcept { take(other); }
  unique_function& operator=(unique_function&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  ~unique_function() { reset(); }

  /// Calls the callable. Precondition: holds one.
  R operator()(Args... args) {
    assert(ops_ != nullptr);
    return ops_->call(space_, std::forward<Args>(args)...);
  }
  explicit operator bool() const noexcept { return ops_ != nullptr; }

 private:
  static constexpr std::size_t capacity = 48;
  template <class F>
  static constexpr bool fits = sizeof(F) <= capacity &&
                               alignof(F) <= alignof(std::max_align_t) && std::is_nothrow_move_constructible_v<F>;

  struct operations {
    R (*call)(void*, Args&&...);
    void (*move)(void* from, void* to) noexcept;  // leaves nothing behind in from
    void (*destroy)(void*) noexcept;
  };
  template <class F>
  static constexpr operations inside{
      [](void* at, Args&&... args) -> R { return (*std::launder(static_cast<F*>(at)))(std::forward<Args>(args)...); },
      [](void* from, void* to) noexcept {
        auto* source = std::launder(static_cast<F*>(from));
        ::new (to) F(std::move(*source));
        std::destroy_at(source);
      },
      [](void* at) noexcept { std::destroy_at(std::launder(static_cast<F*>(at))); },
  };
  template <class F>
  static constexpr operations outside{
      [](void* at, Args&&... args) -> R { return (**static_cast<F**>(at))(std::forward<Args>(args)...); },
      [](void* from, void* to) noexcept { ::new (to) F*(*static_cast<F**>(from)); },
      [](void* at) noexcept { std::unique_ptr<F>{*static_cast<F**>(at)}.reset(); },
  };

  void take(unique_function& other) noexcept {
    ops_ = std::exchange(other.ops_, nullptr);
    if (ops_ != nullptr) ops_->move(other.space_, space_);
  }
  void reset() noexcept {
    if (auto* ops = std::exchange(ops_, nullptr)) ops->destroy(space_);
  }

  alignas(std::max_align_t) std::byte space_[capacity];
  const operations* ops_ = nullptr;
};

}  // namespace duplex::detail
