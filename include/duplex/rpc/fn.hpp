// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/local.hpp>
#include <duplex/rpc/remote.hpp>

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace duplex::rpc {

/// A typed function that may live elsewhere. As a field of a service's struct it is a method, whose name is the
/// field's; as an argument it is a callback. Called, it gives a `call<R>`; a `stream<T>` when the result is one;
/// nothing for `oneway`. A stream among the arguments comes last. `Traits`: `idempotent`, `doc("...")`. Copies are the
/// same function; an empty one is a method that is not served. Thread: any.
template <class Signature, auto... Traits> class fn;

template <class R, class... A, auto... Traits> class fn<R(A...), Traits...> {
  static constexpr std::size_t streams = (std::size_t{0} + ... + (detail::is_stream<A> ? 1 : 0));
  static_assert(streams == 0 || (streams == 1 && detail::is_stream<typename detail::last_argument<A...>::type>),
                "duplex: at most one argument of fn<R(A...)> is a stream, the last one");
  static_assert((std::is_same_v<A, std::remove_cvref_t<A>> && ...),
                "duplex: the arguments of fn<R(A...)> are values; take them as you like in the handler");
  using function = detail::function<R, A...>;
  using codecs = typename detail::collect<detail::compiled<>, std::remove_const_t<decltype(Traits)>...>::type;

 public:
  using result_type = R;
  using signature_type = R(A...);

  fn() = default;
  /// Serves: any callable, `R f(A...)` or `task<R> f(A...)`, with or without a leading `const context&`; with a channel
  /// as its last parameter where R is `channel`. It runs on a worker, so it must not block.
  template <class F>
  requires(!std::same_as<std::remove_cvref_t<F>, fn> &&
           (detail::takes<R, std::decay_t<F>, A...> || detail::takes<R, std::decay_t<F>, const context&, A...>))
      fn(F&& f)
      : at_(std::make_shared<detail::local<codecs, std::decay_t<F>, R, A...>>(std::forward<F>(f))) {}
  /// For the library: a function that lives there.
  explicit fn(detail::route_ptr where) : at_(std::make_shared<detail::remote<codecs, R, A...>>(std::move(where))) {}

  /// Calls. Arguments are encoded before this returns; a local function that is not a coroutine has run by then. What
  /// is wrong is thrown when the outcome is asked for; of an empty function here, `failure(unimplemented)`.
  typename detail::returned<R>::type operator()(A... a, call_options how = {}) const {
    if (at_ == nullptr) throw failure{code::unimplemented, "an empty function"};
    return at_->call(std::move(a)..., how);
  }

  explicit operator bool() const noexcept { return at_ != nullptr; }

  /// For the library: the same function.
  explicit fn(std::shared_ptr<function> at) : at_(std::move(at)) {}
  [[nodiscard]] const std::shared_ptr<function>& at() const noexcept { return at_; }
  static const detail::signature& signature() { return detail::signature_of<codecs, R, A...>(); }
  static constexpr bool is_idempotent = (std::is_same_v<std::remove_const_t<decltype(Traits)>, idempotent_t> || ...);
  static constexpr std::string_view documentation() {
    std::string_view text;
    ((text = text.empty() ? detail::text_of(Traits) : text), ...);
    return text;
  }
  /// "(i32, i32) -> i32"
  static std::string describe(describer& to) {
    std::string text = "(";
    ((text += text.size() > 1 ? ", " : "", text += one<A>(to)), ...);
    return text + ") -> " + one<R>(to);
  }

 private:
  template <class T> static std::string one(describer& to) {
    if constexpr (detail::is_stream<T>)
      return "stream of " + to.template type<typename T::value_type>();
    else if constexpr (std::is_same_v<T, oneway>)
      return "nothing (one-way)";
    else if constexpr (std::is_same_v<T, channel> && std::is_same_v<T, R>)
      return "bytes (a channel)";
    else if constexpr (std::is_void_v<T>)
      return "void";
    else
      return to.template type<T>();
  }
  std::shared_ptr<function> at_;
};

}  // namespace duplex::rpc
