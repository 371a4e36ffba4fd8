// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/peer.hpp>
#include <duplex/rpc/handles.hpp>
#include <duplex/rpc/interceptor.hpp>
#include <duplex/rpc/names.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace duplex::rpc {

class peer;

/// How a service is served.
struct serve_options {
  /// Calls that may run at a time, over all methods of the service; above it callers get `resource_exhausted` at once.
  std::size_t max_running = 16384;
};

/// Among several remote peers that serve a method, which one gets the next call.
enum class balance : std::uint8_t {
  round_robin,    ///< each in turn
  least_pending,  ///< the one with the fewest calls of ours under way
};

/// How a service is used.
struct use_options {
  std::string_view codec = "msgpack";  ///< of those in codec_registry, or added to the peer
  rpc::balance balance = rpc::balance::round_robin;
};

/// The methods that an existing class serves: `using rpc = duplex::rpc::methods<&Store::get, &Store::put>;` at its end,
/// then `peer.serve(std::make_shared<Store>())`. A member may take a `const context&` first, and return a task or a
/// stream.
template <auto... Members> struct methods {};

namespace detail {

class rpc_core;
struct method;
using method_ptr = std::shared_ptr<const method>;

method_ptr make_method(std::string name, const signature& of, std::string (*describe)(describer&),
                       std::string_view documentation, bool idempotent, servable_ptr target);
route_ptr make_route(const std::shared_ptr<rpc_core>& core, std::string_view at, std::string method, bool idempotent,
                     const use_options& how);

template <class T> inline constexpr bool is_fn = false;
template <class S, auto... Traits> inline constexpr bool is_fn<fn<S, Traits...>> = true;

// The signature of a handler: R f(A...), where R may be a task, and a context may come first.
template <class R, class... A> struct handler_signature {
  using type = typename of_task<R>::type(std::remove_cvref_t<A>...);
};
template <class R, class... A> struct handler_signature<R, const context&, A...> : handler_signature<R, A...> {};
template <class F> struct deduce : deduce<decltype(&F::operator())> {};
template <class R, class... A> struct deduce<R (*)(A...)> : handler_signature<R, A...> {};
template <class C, class R, class... A> struct deduce<R (C::*)(A...)> : handler_signature<R, A...> {};
template <class C, class R, class... A> struct deduce<R (C::*)(A...) const> : handler_signature<R, A...> {};
template <class C, class R, class... A> struct deduce<R (C::*)(A...) noexcept> : handler_signature<R, A...> {};
template <class C, class R, class... A> struct deduce<R (C::*)(A...) const noexcept> : handler_signature<R, A...> {};

// A text literal is a string.
template <class T>
using argument = std::conditional_t<std::is_convertible_v<T, std::string_view>, std::string, std::remove_cvref_t<T>>;

}  // namespace detail

/// A service: a struct whose fields are all `fn`, an aggregate without base class. Named after its type,
/// "demo.Calc", or by `static constexpr auto service = "calc.v1";`.
template <class S>
concept service = std::is_class_v<S> && std::is_aggregate_v<S> && names::detail::field_count<S>
!= 0 && names::every_field<S>([]<class F>(F*) { return detail::is_fn<F>; });

/// "demo.Calc"
template <class S> std::string service_name() {
  if constexpr (requires { S::service; })
    return std::string{S::service};
  else
    return describer::dotted(names::type<S>());
}

/// A peer that also calls and serves functions. Made from any handle to a peer; copies, and others made from the same
/// peer, are the same. Make it before the peer binds or connects, so that callers find it. Thread: any.
class peer : public duplex::peer {
 public:
  peer() = default;
  peer(duplex::peer of);

  using duplex::peer::serve;
  /// Serves the methods of a service: those of its fields that hold a function. Each is a service of the core too, so
  /// any `ssh -s` calls it. Errors: `invalid_argument`, `already_exists`, `closed`. On a worker, and with a runtime on
  /// the application's io_context, it does not wait for the core, which may have such a service already.
  template <service S> result<void> serve(const S& methods, const serve_options& how = {}) {
    std::vector<detail::method_ptr> list;
    names::for_each_field(methods, [&]<class F>(const F& f, std::size_t i) {
      if (f) list.push_back(describe(service_name<S>() + "." + std::string{names::fields<S>[i]}, f));
    });
    return add(service_name<S>(), std::move(list), how);
  }
  /// Serves one method, whose signature is that of the callable: `peer.handle("demo.shout", [](std::string s) {...})`.
  /// Errors: as `serve`.
  template <class F> result<void> handle(std::string_view name, F f, const serve_options& how = {}) {
    using typed = fn<typename detail::deduce<F>::type>;
    return add(std::string{name}, {describe(std::string{name}, typed{std::move(f)})}, how);
  }
  /// Serves an existing class, which lists its methods: see `methods`. They are called on several threads. Errors: as
  /// `serve`.
  template <class C>
  requires requires { typename C::rpc; }
  result<void> serve(const std::shared_ptr<C>& object, const serve_options& how = {}) {
    const auto list = [&]<auto... Members>(methods<Members...>) {
      return std::vector{describe_member<Members>(object)...};
    };
    return add(service_name<C>(), list(typename C::rpc{}), how);
  }
  /// Stops serving a service, or what `handle` took under that name; calls that run go on. The names stay this peer's.
  /// Errors: `not_found`.
  result<void> withdraw(std::string_view service);

  /// The same struct, its fields leading to the remote peer `at`; to the one whose turn it is, of those that serve the
  /// method, when `at` is empty. Nothing is sent before the first call. Throws `failure` for an unknown codec.
  template <service S> [[nodiscard]] S use(std::string_view at = {}, const use_options& how = {}) const {
    S methods;
    names::for_each_field(methods, [&]<class F>(F& f, std::size_t i) {
      f = F{detail::make_route(core_, at, service_name<S>() + "." + std::string{names::fields<S>[i]}, F::is_idempotent,
                               how)};
    });
    return methods;
  }
  /// One method by its name: `peer.method<int(int, int)>("demo.Calc.add", "hub")`.
  template <class Sig>
  [[nodiscard]] fn<Sig> method(std::string_view name, std::string_view at = {}, const use_options& how = {}) const {
    return fn<Sig>{detail::make_route(core_, at, std::string{name}, false, how)};
  }
  /// Calls by name, at the peer whose turn it is: `peer.call_as<int>("demo.Calc.add", 1, 2).get()`.
  template <class R, class... A> auto call_as(std::string_view name, A... arguments) const {
    return method<R(detail::argument<A>...)>(name)(detail::argument<A>(std::move(arguments))...);
  }

  /// How a service does, or the whole peer for the empty name: what `duplex.Health` tells. Serving, from the start.
  void set_health(std::string_view service, bool serving);
  /// Adds an interceptor to all calls made here, or served here; the first one added is asked first.
  void intercept(side at, interceptor_factory made_by);
  /// Adds a codec, or takes the place of one with the same name.
  void add_codec(codec_ptr codec);
  /// What values may take from a message; for calls to come.
  void set_limits(const codec_limits& to);
  /// Functions lent to remote peers and not given back; for tests and metrics.
  [[nodiscard]] std::size_t lent() const;

 private:
  template <auto Member, class C> static detail::method_ptr describe_member(const std::shared_ptr<C>& object) {
    using typed = fn<typename detail::deduce<decltype(Member)>::type>;
    return describe(service_name<C>() + "." + std::string{names::member<Member>},
                    typed{std::bind_front(Member, object)});
  }
  template <class Sig, auto... Traits>
  static detail::method_ptr describe(std::string name, const fn<Sig, Traits...>& f) {
    using type = fn<Sig, Traits...>;
    return detail::make_method(std::move(name), type::signature(), &type::describe, type::documentation(),
                               type::is_idempotent, f.at());
  }
  result<void> add(const std::string& service, std::vector<detail::method_ptr> methods, const serve_options& how);
  std::shared_ptr<detail::rpc_core> core_;
};

}  // namespace duplex::rpc
