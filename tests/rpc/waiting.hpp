// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "tests/rpc/support.hpp"

#include <future>

// Handlers that do not end, and what to see of them.
namespace duplex::test {

using std::chrono::milliseconds;

/// Never ends by itself; its cancellation is a count.
inline rpc::task<void> forever(seen<std::string>* cancelled) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer{executor, asio::steady_timer::time_point::max()};
  try {
    co_await timer.async_wait(asio::use_awaitable);
  } catch (const boost::system::system_error& why) {
    cancelled->add(why.code() == asio::error::operation_aborted ? "aborted" : why.what());
    throw;
  }
}

/// A coroutine on a context of its own, run to its end; what it throws is thrown.
inline void run(rpc::task<void> what) { rpc::detail::run_here(std::move(what)); }

}  // namespace duplex::test
