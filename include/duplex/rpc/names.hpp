// SPDX-License-Identifier: BSD-2-Clause
// The names of types and of an aggregate's fields, without a macro. Boost.PFR binds the fields; what they
// are called the compiler prints for a template argument that points to one (g++ 12, clang 14).
#pragma once

#include <boost/pfr/core.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace duplex::rpc::names {

namespace detail {

// Initialises a field of any type.
struct any_field {
  template <class T> operator T&() const& noexcept;
  template <class T> operator T&() const&& noexcept;
};
struct any_movable_field {
  template <class T> operator T() const&& noexcept;
};

template <class T, class Any, class... Before> consteval std::size_t count() {
  if constexpr (requires { T{Before{}..., Any{}}; }) {
    return count<T, Any, Before..., Any>();
  } else {
    return sizeof...(Before);
  }
}

// Initialises a base class of T.
template <class T> struct any_base {
  template <class B>
  requires(std::is_base_of_v<B, T> && !std::is_same_v<B, T>) operator B&() const noexcept;
};

/// How many fields the aggregate T has. Not Boost.PFR's count: g++ 12 falls over it ("internal compiler error: in
/// check_noexcept_r") where a field's default is a list, as in `std::vector<std::string> tags = {"a", "b"};`.
template <class T>
inline constexpr std::size_t field_count =
    count<T, std::conditional_t<std::is_copy_constructible_v<T>, any_field, any_movable_field>>();

/// References to its fields, as Boost.PFR binds them where the count is known.
template <class T> constexpr auto tie(T& value) noexcept {
  static_assert(
      !requires { T{any_base<T>{}}; }, "duplex: a struct with a base class needs a serialize function (cereal's)");
  return boost::pfr::detail::tie_as_tuple(value, boost::pfr::detail::size_t_<field_count<std::remove_const_t<T>>>{});
}

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#pragma clang diagnostic ignored "-Wundefined-internal"
#endif
// Declared, never defined: only addresses within it are used, so that T needs no default constructor.
template <class T> struct probe {
  T value;
  static const probe<T> it;
};

// clang 14 takes a pointer to a subobject only within an argument of class type.
template <class P> struct pointer { P to; };
template <class P> pointer(P) -> pointer<P>;

// g++ appends "; std::string_view = ..." to the printed name if the result is an alias: hence auto.
template <auto Value> consteval auto spelled() { return std::string_view{__PRETTY_FUNCTION__}; }

// g++ ends in "value.demo::point::x)}]", clang in "value.x}]".
consteval std::string_view last_word(std::string_view text) {
  text = text.substr(0, text.find_last_not_of(")}]; ") + 1);
  return text.substr(text.find_last_of(".:>&") + 1);
}

template <class T, std::size_t I> consteval auto pointer_to_field() {
  return pointer{&boost::pfr::detail::sequence_tuple::get<I>(tie(probe<T>::it.value))};
}

template <class T, std::size_t I>
inline constexpr std::string_view field = last_word(spelled<pointer_to_field<T, I>()>());
#if defined(__clang__)
#pragma clang diagnostic pop
#endif

template <class T, std::size_t... I>
consteval std::array<std::string_view, sizeof...(I)> fields(std::index_sequence<I...>) {
  return {field<T, I>...};
}

}  // namespace detail

/// Calls `visit` with each field of the aggregate and its index.
template <class T> void for_each_field(T& value, auto visit) {
  auto tied = detail::tie(value);
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (visit(boost::pfr::detail::sequence_tuple::get<I>(tied), I), ...);
  }
  (std::make_index_sequence<detail::field_count<std::remove_const_t<T>>>{});
}

/// Whether a claim holds for the type of each field of the aggregate T: `every_field<T>([]<class F>(F*) {...})`.
template <class T> consteval bool every_field(auto claim) {
  return [&]<class... F>(boost::pfr::detail::sequence_tuple::tuple<F&...>*) {
    return (claim(static_cast<F*>(nullptr)) && ...);
  }(static_cast<decltype(detail::tie(std::declval<T&>()))*>(nullptr));
}

/// What the fields of the aggregate T are called, in order. T has no base class, no C array and no constructor.
template <class T> inline constexpr auto fields = detail::fields<T>(std::make_index_sequence<detail::field_count<T>>{});

/// "add", of `&demo::Calc::add`.
template <auto Member> inline constexpr std::string_view member = detail::last_word(detail::spelled<Member>());

/// "demo::point". A type of an unnamed namespace has that in its name.
template <class T> consteval std::string_view type() {
  std::string_view text{__PRETTY_FUNCTION__};  // g++: "... [with T = demo::point; ...]", clang: "... [T = demo::point]"
  text.remove_prefix(text.find("T = ") + 4);
  const auto alias = text.find("; std::string_view = ");
  return text.substr(0, alias == std::string_view::npos ? text.rfind(']') : alias);
}

}  // namespace duplex::rpc::names
