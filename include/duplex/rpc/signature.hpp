// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/call.hpp>
#include <duplex/rpc/stream.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

// What is known of `fn<R(A...), Traits...>` from its type.

namespace duplex::rpc {

/// As the result of a signature: nothing comes back, not even that it arrived.
struct oneway {};

/// In `fn<Sig, idempotent>`: calling twice does no more than calling once, so a call that may have begun at a peer that
/// was lost is tried at another one.
struct idempotent_t {};
inline constexpr idempotent_t idempotent{};

/// In `fn<Sig, doc("a + b")>`: what reflection says of it.
template <std::size_t N> struct doc {
  constexpr doc(const char (&from)[N]) { std::copy_n(from, N, text); }
  char text[N]{};
};

/// In `fn<Sig, speaks<cereal>>`: a codec that is compiled in per type, beside those that come with every function.
template <class Codec> struct speaks_t { using codec = Codec; };
template <class Codec> inline constexpr speaks_t<Codec> speaks{};

namespace detail {

/// The codecs that are compiled in, beside those that always are.
template <class... Codecs> struct compiled {
  template <class T> static constexpr const value_ops& of() { return ops_of<T, Codecs...>(); }
  template <class Codec> using with = compiled<Codecs..., Codec>;
};
template <class Codecs, class... Traits> struct collect { using type = Codecs; };
template <class Codecs, class Trait, class... Traits>
struct collect<Codecs, Trait, Traits...> : collect<Codecs, Traits...> {};
template <class Codecs, class Codec, class... Traits>
struct collect<Codecs, speaks_t<Codec>, Traits...> : collect<typename Codecs::template with<Codec>, Traits...> {};

template <class Trait> constexpr std::string_view text_of(const Trait& of) {
  if constexpr (requires { of.text; })
    return {of.text, sizeof of.text - 1};
  else
    return {};
}

template <class T> inline constexpr bool is_stream = false;
template <class T> inline constexpr bool is_stream<stream<T>> = true;
template <class T> struct of_task { using type = T; };
template <class T> struct of_task<task<T>> { using type = T; };
template <class T> using no_result = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// What `fn<R(A...)>` gives when it is called.
template <class R> struct returned { using type = call<R>; };
template <class T> struct returned<stream<T>> { using type = stream<T>; };
template <> struct returned<oneway> { using type = void; };

/// The arguments that travel together: all but a stream.
template <class... A>
using plain_arguments =
    decltype(std::tuple_cat(std::declval<std::conditional_t<is_stream<A>, std::tuple<>, std::tuple<A>>>()...));

template <class... A> struct last_argument { using type = void; };
template <class A> struct last_argument<A> { using type = A; };
template <class A, class B, class... C> struct last_argument<A, B, C...> : last_argument<B, C...> {};

template <class Ops, class R> constexpr const value_ops* result_ops() {
  if constexpr (is_stream<R> || std::is_same_v<R, oneway> || std::is_same_v<R, channel>)
    return nullptr;
  else
    return &Ops::template of<no_result<R>>();
}
template <class Ops, class T> constexpr const item_ops* stream_ops() {
  if constexpr (is_stream<T>)
    return &items_of<Ops, typename T::value_type>();
  else
    return nullptr;
}
template <class Ops, class R, class... A> const signature& signature_of() {
  static const signature made{&Ops::template of<plain_arguments<A...>>(),
                              result_ops<Ops, R>(),
                              stream_ops<Ops, typename last_argument<A...>::type>(),
                              stream_ops<Ops, R>(),
                              std::is_same_v<R, oneway>,
                              std::is_same_v<R, channel>};
  return made;
}

/// *Interface.* A function, wherever it is.
template <class R, class... A> class function : public servable {
 public:
  virtual typename returned<R>::type call(A&&... a, const call_options& how) = 0;
  /// Null for a local one.
  [[nodiscard]] virtual route_ptr where() const { return nullptr; }
};

// A handler that becomes bytes gets the channel last.
template <class R, class F, class... A>
inline constexpr bool takes =
    std::is_same_v<R, channel> ? std::is_invocable_v<F&, A..., channel> : std::is_invocable_v<F&, A...>;
template <class R, class F, class... A> struct invoked { using type = std::invoke_result<F&, A...>; };
template <class F, class... A> struct invoked<channel, F, A...> { using type = std::invoke_result<F&, A..., channel>; };

}  // namespace detail
}  // namespace duplex::rpc
