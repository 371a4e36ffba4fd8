// SPDX-License-Identifier: BSD-2-Clause
#include "tools/duplex/demo.hpp"

#include <limits>
#include <utility>

namespace demo {
namespace {

using duplex::rpc::code;
using duplex::rpc::failure;
using duplex::rpc::task;

int in_range(std::int64_t result) {
  using limits = std::numeric_limits<int>;
  if (result < limits::min() || result > limits::max())
    throw failure{code::out_of_range, "the result does not fit i32"};
  return static_cast<int>(result);
}

stream<int> ticks(int count) {
  for (int n = 0; n < count; ++n) co_yield n;
}

task<std::int64_t> sum(stream<int> in) {
  std::int64_t total = 0;
  while (auto x = co_await in.next()) total += *x;
  co_return total;
}

stream<std::string> chat(stream<std::string> in) {
  while (auto line = co_await in.next()) co_yield "you said " + *line;
}

task<void> echo(duplex::channel ch) {
  while (const auto data = co_await ch.async_read()) {
    const auto written = co_await ch.async_write(*data);
    if (!written) co_return;
  }
}

task<int> notify(std::string topic, fn<void(event)> told) {
  int count = 0;
  while (count < 3) {
    event e{topic, count};
    auto call = told(e);
    co_await std::move(call);
    ++count;
  }
  co_return count;
}

}  // namespace

Calc calculator() {
  return {
      .add = [](int a, int b) { return in_range(std::int64_t{a} + b); },
      .divide =
          [](int a, int b) {
            if (b == 0) throw failure{code::invalid_argument, "division by zero"};
            return in_range(std::int64_t{a} / b);
          },
      .ticks = &ticks,
      .sum = &sum,
      .chat = &chat,
      .echo = &echo,
      .notify = &notify,
  };
}

}  // namespace demo
