// SPDX-License-Identifier: BSD-2-Clause
// rpc_calculator [ENDPOINT]: a service with a function, a stream and a callback, and who calls it.
#include <duplex/rpc.hpp>

#include <iostream>

namespace rpc = duplex::rpc;

namespace demo {
struct Calc {  // the service "demo.Calc", for both sides
  rpc::fn<int(int, int)> add;
  rpc::fn<rpc::stream<int>(int)> ticks;
  rpc::fn<int(std::string, rpc::fn<void(std::string)>)> notify;
};
}  // namespace demo

int main(int argc, char** argv) try {
  const auto key = duplex::key::generate();  // one key for both; real peers keep theirs in files
  duplex::runtime rt;
  rpc::peer hub = rt.spawn_peer({.name = "hub", .identity = key.text(), .authorized_keys = key.public_line()});
  const demo::Calc calculator{
      .add = [](int a, int b) { return a + b; },
      .ticks = [](int n) -> rpc::stream<int> {
        for (int i = 0; i < n; ++i) co_yield i;
      },
      .notify = [](std::string topic, rpc::fn<void(std::string)> on_event) -> rpc::task<int> {
        for (int i = 0; i < 3; ++i) co_await on_event(topic);  // each waits until the caller has taken it
        co_return 3;
      },
  };
  const auto at = hub.bind(argc > 1 ? argv[1] : "tcp://127.0.0.1:0");
  rpc::peer me = rt.spawn_peer({.name = "me", .identity = key.text(), .host_key = key.fingerprint()});
  if (!hub.serve(calculator) || !at || !me.connect(at->str())) return std::cerr << "no connection\n", 1;

  const auto calc = me.use<demo::Calc>("hub");
  std::cout << calc.add(1, 2).get() << '\n';
  for (const int tick : calc.ticks(3)) std::cout << "tick " << tick << '\n';
  calc.notify("tea", [](std::string topic) { std::cout << topic << " is ready\n"; }).get();
} catch (const rpc::failure& why) {
  return std::cerr << why.what() << '\n', 1;
}
