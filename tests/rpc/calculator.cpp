// SPDX-License-Identifier: BSD-2-Clause
#include "tests/rpc/support.hpp"

namespace duplex::test {

demo::Calc calculator() {
  using rpc::failure;
  using rpc::stream;
  using rpc::task;
  return {
      .add = [](int a, int b) { return a + b; },
      .divide =
          [](int a, int b) {
            if (b == 0) throw failure{rpc::code::invalid_argument, "division by zero"};
            return a / b;
          },
      .ticks = [](int n) -> stream<int> {
        for (int i = 0; i < n; ++i) co_yield i;
      },
      .sum = [](stream<int> in) -> task<int> {
        int s = 0;
        while (auto x = co_await in.next()) s += *x;
        co_return s;
      },
      .chat = [](stream<std::string> in) -> stream<std::string> {
        while (auto x = co_await in.next()) co_yield "you said " + *x;
      },
      .notify = [](std::string topic, rpc::fn<void(demo::event)> on) -> task<int> {
        for (int i = 0; i < 3; ++i) {
          demo::event e{topic, i};
          auto call = on(e);
          co_await std::move(call);
        }
        co_return 3;
      },
      .log = [](const std::string&) {},
      .shell = [](std::string prompt, channel ch) -> task<void> {
        co_await ch.async_write(prompt);
        while (auto line = co_await ch.async_read()) co_await ch.async_write(*line);
      },
      .nothing = [] {},
      .echo = [](std::string text) { return text; },
  };
}

}  // namespace duplex::test
