// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/signature.hpp>

#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

// Functions that live elsewhere; for the library.

namespace duplex::rpc::detail {

/// A function that lives elsewhere.
template <class Ops, class R, class... A> class remote final : public function<R, A...> {
 public:
  explicit remote(route_ptr where) : where_(std::move(where)) {}

  typename returned<R>::type call(A&&... a, const call_options& how) override {
    source_ptr in;
    const auto plain = std::tuple_cat(sort(in, a)...);
    auto started = where_->start(signature_of<Ops, R, A...>(), &plain, std::move(in), how);
    if constexpr (is_stream<R>)
      return R{results(started)};
    else if constexpr (!std::is_same_v<R, oneway>)
      return rpc::call<R>{std::move(started)};
    else if (auto how = status_of(*started);
             how.code() == code::invalid_argument || how.code() == code::resource_exhausted)
      throw failure{std::move(how)};  // nobody else would hear of it
  }

  // Passed on to yet another peer: called from there, this calls.
  void serve(const served_ptr& call) override {
    try {
      plain_arguments<A...> values;
      arguments(*call, Ops::template of<plain_arguments<A...>>(), &values);
      source_ptr in;
      if constexpr (is_stream<typename last_argument<A...>::type>)
        in = incoming(call, items_of<Ops, typename last_argument<A...>::type::value_type>());
      call_options how;
      const auto& about = context_of(*call);
      how.within = &about;
      how.deadline = infinite;  // that of the call it is part of
      how.headers = &about.headers();
      auto started = where_->start(signature_of<Ops, R, A...>(), &values, std::move(in), how);
      if constexpr (is_stream<R>)
        reply(call, results(started), items_of<Ops, typename R::value_type>());
      else if constexpr (std::is_same_v<R, oneway>)
        finish(*call);
      else if constexpr (std::is_same_v<R, channel>)
        relay_bytes(call, started);
      else
        relay(call, started, Ops::template of<no_result<R>>(), std::make_shared<no_result<R>>());
    } catch (...) {
      fail(*call, std::current_exception());
    }
  }
  [[nodiscard]] route_ptr where() const override { return where_; }

 private:
  template <class T> static auto sort(source_ptr& in, T& argument) {
    if constexpr (is_stream<T>) {
      in = std::move(argument).release();
      return std::tuple<>{};
    } else {
      return std::tuple<T>{std::move(argument)};
    }
  }
  route_ptr where_;
};

}  // namespace duplex::rpc::detail
