// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/error.hpp>

#include <cassert>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace duplex {

/// *Value.* What an operation gave: a `T`, or the `error` that kept it from one. Converts to true when it holds a
/// value.
template <class T> class [[nodiscard]] result {
 public:
  using value_type = T;

  result(T value) : value_(std::move(value)) {}
  result(duplex::error why)
      : error_(why ? std::move(why) : duplex::error{errc::internal, "an error was given that is none"}) {}
  result(errc code, std::string context) : result(duplex::error{code, std::move(context)}) {}

  explicit operator bool() const noexcept { return !error_; }
  [[nodiscard]] bool has_value() const noexcept { return !error_; }

  /// The value; a programming error when there is none.
  T& operator*() & { return *checked(); }
  const T& operator*() const& { return *const_cast<result*>(this)->checked(); }
  T&& operator*() && { return std::move(*checked()); }
  T* operator->() { return checked(); }
  const T* operator->() const { return const_cast<result*>(this)->checked(); }

  /// The error, or one that says `errc::none`.
  [[nodiscard]] const duplex::error& error() const noexcept { return error_; }

 private:
  // Beside an error stands an empty T, where there is such a thing: then no branch is taken where results are moved,
  // and g++ gives no false alarm about what might not be there.
  static constexpr bool has_empty = std::is_default_constructible_v<T>;

  T* checked() {
    assert(!error_);
    if constexpr (has_empty)
      return &value_;
    else
      return &*value_;
  }
  std::conditional_t<has_empty, T, std::optional<T>> value_{};
  duplex::error error_;
};

/// *Value.* Success without a value, or the `error`.
template <> class [[nodiscard]] result<void> {
 public:
  using value_type = void;

  result() = default;
  result(duplex::error why) : error_(std::move(why)) {}
  result(errc code, std::string context) : error_(code, std::move(context)) {}

  explicit operator bool() const noexcept { return !error_; }
  [[nodiscard]] bool has_value() const noexcept { return !error_; }
  [[nodiscard]] const duplex::error& error() const noexcept { return error_; }

 private:
  duplex::error error_;
};

}  // namespace duplex
