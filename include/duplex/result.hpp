// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/error.hpp>

#include <cassert>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace duplex {

/// *Value.* What an operation gave: a `T`, or the `error` that kept it from one. Converts to true when it holds a
/// value.
template <class T> class [[nodiscard]] result {
 public:
  using value_type = T;

  result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  result(duplex::error why) : state_(std::in_place_index<1>, std::move(why)) { assert(std::get<1>(state_)); }
  result(errc code, std::string context) : result(duplex::error{code, std::move(context)}) {}

  explicit operator bool() const noexcept { return state_.index() == 0; }
  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }

  /// The value; a programming error when there is none.
  T& operator*() & { return *checked(); }
  const T& operator*() const& { return *const_cast<result*>(this)->checked(); }
  T&& operator*() && { return std::move(*checked()); }
  T* operator->() { return checked(); }
  const T* operator->() const { return const_cast<result*>(this)->checked(); }

  /// The error, or one that says `errc::none`.
  [[nodiscard]] duplex::error error() const { return has_value() ? duplex::error{} : std::get<1>(state_); }

 private:
  T* checked() {
    assert(has_value());
    return std::get_if<0>(&state_);
  }
  std::variant<T, duplex::error> state_;
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
