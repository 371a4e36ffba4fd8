// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/signature.hpp>

#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

// Functions of this process; for the library.

namespace duplex::rpc::detail {

/// A handler: any callable, with or without a context before its arguments.
template <class Ops, class F, class R, class... A>
class local final : public function<R, A...>, public std::enable_shared_from_this<local<Ops, F, R, A...>> {
  static constexpr bool wants_context = takes<R, F, const context&, A...>;
  using got =
      typename std::conditional_t<wants_context, invoked<R, F, const context&, A...>, invoked<R, F, A...>>::type::type;
  using given = typename of_task<got>::type;
  static constexpr bool is_task = !std::is_same_v<got, given>;
  static constexpr bool no_value = std::is_same_v<R, oneway> || std::is_same_v<R, channel> || std::is_void_v<R>;
  static_assert(no_value ? std::is_void_v<given> || std::is_same_v<given, oneway> : std::is_convertible_v<given, R>,
                "duplex: a handler of fn<R(A...)> returns R or task<R>; nothing for oneway, void and channel");
  using plain = plain_arguments<A...>;

 public:
  explicit local(F f) : f_(std::move(f)) {}

  void serve(const served_ptr& call) override {
    try {
      plain values;
      arguments(*call, Ops::template of<plain>(), &values);
      if constexpr (is_task) {
        run(call, handle(this->shared_from_this(), call, std::move(values)));
      } else {
        conclude(this->shared_from_this(), call,
                 [&]() -> decltype(auto) { return invoke(*call, call, values, std::index_sequence_for<A...>{}); });
      }
    } catch (...) {
      fail(*call, std::current_exception());
    }
  }

  typename returned<R>::type call(A&&... a, const call_options& how) override {
    if constexpr (std::is_same_v<R, channel>) {
      (void)how;
      throw failure{code::unimplemented, "a call that becomes bytes needs a peer"};
    } else {
      auto with = std::make_shared<context>(std::string{}, how.headers ? *how.headers : metadata{}, due(how));
      auto invoke = [&]() -> decltype(auto) {
        if constexpr (wants_context)
          return f_(std::as_const(*with), std::move(a)...);
        else
          return f_(std::move(a)...);
      };
      if constexpr (std::is_same_v<R, oneway>) {
        if constexpr (is_task)
          start_here(keep(this->shared_from_this(), with, invoke()));
        else
          invoke();
      } else if constexpr (is_stream<R>) {
        static_assert(!is_task, "duplex: a local function that streams returns its stream at once");
        return R{keeping(this->shared_from_this(), keeping(std::move(with), R(invoke()).release()))};
      } else {
        if constexpr (is_task)
          return rpc::call<R>{convert(this->shared_from_this(), std::move(with), invoke())};
        else
          return rpc::call<R>{ready(invoke)};
      }
    }
  }

 private:
  template <std::size_t I> static decltype(auto) argument(const served_ptr& call, plain& values) {
    using type = std::tuple_element_t<I, std::tuple<A...>>;
    if constexpr (is_stream<type>)
      return type{incoming(call, items_of<Ops, typename type::value_type>())};
    else
      return std::move(std::get<I>(values));
  }
  template <std::size_t... I> got invoke(served& of, const served_ptr& call, plain& values, std::index_sequence<I...>) {
    (void)of, (void)call, (void)values;
    if constexpr (std::is_same_v<R, channel> && wants_context)
      return f_(context_of(of), argument<I>(call, values)..., bytes_of(call));
    else if constexpr (std::is_same_v<R, channel>)
      return f_(argument<I>(call, values)..., bytes_of(call));
    else if constexpr (wants_context)
      return f_(context_of(of), argument<I>(call, values)...);
    else
      return f_(argument<I>(call, values)...);
  }
  // The handler's closure lives as long as a stream that it gave.
  template <class Invoke> static void conclude(std::shared_ptr<local> self, const served_ptr& call, Invoke invoke) {
    (void)self;
    if constexpr (no_value) {
      invoke();
      if constexpr (std::is_void_v<R>) {
        const std::monostate nothing;
        reply(*call, Ops::template of<std::monostate>(), &nothing);
      } else {
        finish(*call);
      }
    } else if constexpr (is_stream<R>) {
      reply(call, keeping(std::move(self), R(invoke()).release()), items_of<Ops, typename R::value_type>());
    } else {
      const R result = invoke();
      reply(*call, Ops::template of<R>(), &result);
    }
  }
  static task<void> handle(std::shared_ptr<local> self, served_ptr call, plain values) {
    auto handler = self->invoke(*call, call, values, std::index_sequence_for<A...>{});
    if constexpr (std::is_void_v<given>) {
      co_await std::move(handler);
      conclude(self, call, [] {});
    } else {
      auto result = co_await std::move(handler);
      conclude(self, call, [&]() -> given&& { return std::move(result); });
    }
  }
  static task<void> keep(std::shared_ptr<local>, std::shared_ptr<context>, task<void> what) {
    co_await std::move(what);
  }
  template <class Task> static task<R> convert(std::shared_ptr<local>, std::shared_ptr<context>, Task what) {
    co_return co_await std::move(what);
  }
  template <class Invoke> static task<R> ready(Invoke& invoke) {
    std::exception_ptr why;
    try {
      if constexpr (std::is_void_v<R>) {
        invoke();
        return [](std::exception_ptr) -> task<void> { co_return; }(nullptr);
      } else {
        return [](R result) -> task<R> { co_return std::move(result); }(R(invoke()));
      }
    } catch (...) {
      why = std::current_exception();
    }
    return [](std::exception_ptr thrown) -> task<R> {
      std::rethrow_exception(thrown);
      co_return co_await task<R>{};
    }(why);
  }

  F f_;
};

}  // namespace duplex::rpc::detail
