// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/messages.hpp>
#include <duplex/rpc/fn.hpp>
#include <duplex/rpc/names.hpp>

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/message.hpp>
#include <caf/send.hpp>

#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <utility>

// Actors and functions: an actor behind a method, a method as an actor, a stream into an actor. What passes must be a
// CAF message type, within the process: CAF_ALLOW_UNSAFE_MESSAGE_TYPE is enough.

namespace duplex::rpc {

/// A CAF error that says a status; an actor behind a method answers with it to fail a call. Thread: any.
caf::error to_caf(const status& of);
/// The reverse; any other error becomes the nearest code. Thread: any.
status from_caf(const caf::error& of);

namespace detail {

/// Asks an actor, and awaits its answer until the call ends. Throws `failure`.
task<caf::message> ask(caf::strong_actor_ptr whom, caf::message what, context::clock::time_point deadline);
/// What an exception means to the other side.
rpc::status status_of(const std::exception_ptr& thrown);
using answer = std::function<void(caf::error, caf::message)>;
/// What a message to an actor of `as_actor` does: false when its arguments are others.
using actor_method = std::function<bool(const caf::message& arguments, const answer& to)>;
/// Starts a coroutine on one of the runtime's workers.
void start_on(caf::actor_system& in, task<void> what);
/// The method is the first element of a message, a string, unless there is only the empty name.
caf::actor spawn_caller(caf::actor_system& in, std::map<std::string, actor_method> methods);

template <class R> R unpacked(caf::message& from) {
  if constexpr (!std::is_void_v<R>) {
    if (!from.match_elements<R>())
      throw failure{code::internal, "the actor answered with something that is no result of the method"};
    return std::move(from.get_mutable_as<R>(0));
  }
}

template <class R, class... A> actor_method method_for(fn<R(A...)> f) {
  return [f](const caf::message& from, const answer& to) {
    if (!from.match_elements<A...>()) return false;
    auto run = [](fn<R(A...)> call, caf::message with, answer done) -> task<void> {
      caf::message result;
      caf::error why;
      try {
        auto outcome = [&]<std::size_t... I>(std::index_sequence<I...>) { return call(with.get_as<A>(I)...); }
        (std::index_sequence_for<A...>{});
        if constexpr (std::is_void_v<R>)
          co_await std::move(outcome);
        else
          result = caf::make_message(co_await std::move(outcome));
      } catch (...) {
        why = to_caf(status_of(std::current_exception()));
      }
      done(why, result);
    };
    start_here(run(f, from, to));
    return true;
  };
}
template <class R>
inline constexpr bool is_unary = !is_stream<R> && !std::is_same_v<R, oneway> && !std::is_same_v<R, channel>;

}  // namespace detail

/// An actor behind a method: `Calc{.add = on(calculator, add_atom_v)}`. It is asked with `prefix`, then the arguments,
/// and answers with the result, or a caf::error; for `oneway` it is told. *Value.*
template <class... Prefix> class on_actor {
 public:
  on_actor(caf::strong_actor_ptr whom, Prefix... prefix) : whom_(std::move(whom)), prefix_(std::move(prefix)...) {}

  template <class R, class... A, auto... Traits> operator fn<R(A...), Traits...>() const {
    static_assert(detail::is_unary<R> || std::is_same_v<R, oneway>,
                  "duplex: an actor serves unary and one-way methods");
    return fn<R(A...), Traits...>{[whom = whom_, prefix = prefix_](const context& by, A... a) -> task<served_as<R>> {
      auto content = std::apply([&](const Prefix&... p) { return caf::make_message(p..., std::move(a)...); }, prefix);
      auto asking = detail::ask(whom, std::move(content), by.deadline());
      auto reply = co_await std::move(asking);
      if constexpr (!std::is_void_v<served_as<R>>) co_return detail::unpacked<R>(reply);
    }};
  }

 private:
  template <class R> using served_as = std::conditional_t<std::is_same_v<R, oneway>, void, R>;
  caf::strong_actor_ptr whom_;
  std::tuple<Prefix...> prefix_;
};

/// See `on_actor`. Throws `failure(invalid_argument)` for an empty handle.
template <class Handle, class... Prefix> on_actor<Prefix...> on(const Handle& whom, Prefix... prefix) {
  auto there = caf::actor_cast<caf::strong_actor_ptr>(whom);
  if (there == nullptr) throw failure{code::invalid_argument, "on: an empty actor handle"};
  return {std::move(there), std::move(prefix)...};
}

/// A method as an actor: a request with its arguments becomes a call, the result its answer, a failure a caf::error
/// (`from_caf`). It ends when nobody refers to it.
template <class R, class... A, auto... Traits>
caf::actor as_actor(caf::actor_system& in, const fn<R(A...), Traits...>& f) {
  static_assert(detail::is_unary<R>, "duplex: as_actor is for unary methods; `deliver` brings a stream to an actor");
  return detail::spawn_caller(in, {{std::string{}, detail::method_for(fn<R(A...)>{f.at()})}});
}

/// A whole service as an actor: `request(actor, 5s, std::string{"add"}, 1, 2)`. Its unary methods, by name.
template <class S>
requires std::is_aggregate_v<S> caf::actor as_actor(caf::actor_system& in, const S& service) {
  std::map<std::string, detail::actor_method> methods;
  names::for_each_field(
      service, [&]<class R, class... A, auto... Traits>(const fn<R(A...), Traits...>& f, std::size_t i) {
        if constexpr (detail::is_unary<R> && !(detail::is_stream<A> || ...))
          if (f) methods.emplace(names::fields<S>[i], detail::method_for(fn<R(A...)>{f.at()}));
      });
  return detail::spawn_caller(in, std::move(methods));
}

/// Brings the objects of a stream to an actor: each is a request `(T)` to it, the next follows its answer, so a slow
/// actor stops the sender. Then comes `(eof_atom, caf::error)`, the error empty for a clean end.
template <class T> void deliver(stream<T> from, caf::actor to) {
  auto run = [](stream<T> objects, caf::strong_actor_ptr whom) -> task<void> {
    caf::error why;
    try {
      while (auto object = co_await objects.next()) {
        auto content = caf::make_message(std::move(*object));
        auto asking = detail::ask(whom, std::move(content), context::clock::time_point::max());
        co_await std::move(asking);
      }
    } catch (...) {
      why = to_caf(detail::status_of(std::current_exception()));
    }
    caf::anon_send(caf::actor_cast<caf::actor>(whom), eof_atom_v, why);
  };
  detail::start_on(to.home_system(), run(std::move(from), caf::actor_cast<caf::strong_actor_ptr>(to)));
}

}  // namespace duplex::rpc
