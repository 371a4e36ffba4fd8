// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/operations.hpp>

#include "runtime/unique_function.hpp"

#include <utility>

namespace duplex::rpc::detail {

/// An operation's outcome goes to a function; see duplex::detail::start.
template <class T> class calls_back final : public duplex::detail::completion<T> {
 public:
  using function = duplex::detail::unique_function<void(result<T>)>;
  explicit calls_back(function done) : done_(std::move(done)) {}
  void complete(result<T> outcome) override { done_(std::move(outcome)); }

 private:
  function done_;
};

/// Starts an operation of a peer or a channel; `done` is called once, from any thread, maybe at once.
template <class Target, class Op, class Done> void start(const std::shared_ptr<Target>& on, const Op& op, Done done) {
  using value = typename Op::value;
  if (!on) return done(result<value>{errc::closed, "an empty handle"});
  if constexpr (std::is_same_v<Target, duplex::detail::channel_state>)
    if (auto outcome = duplex::detail::attempt(*on, op)) return done(std::move(*outcome));
  duplex::detail::start(on, op, std::make_unique<calls_back<value>>(std::move(done)));
}

}  // namespace duplex::rpc::detail
