// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/rpc.hpp>

#include <iostream>

namespace demo {
struct Calc {
  duplex::rpc::fn<int(int, int)> add;
};
}  // namespace demo

int main() {
  const auto key = duplex::key::generate();
  duplex::runtime rt;
  duplex::rpc::peer hub = rt.spawn_peer({.name = "hub", .identity = key.text()});
  duplex::rpc::peer me = rt.spawn_peer({.name = "me", .identity = key.text(), .host_key = key.fingerprint()});
  if (!hub.serve(demo::Calc{.add = [](int a, int b) { return a + b; }})) return 1;
  if (!hub.bind("inproc://caller") || !me.connect("inproc://caller")) return 1;
  const auto calc = me.use<demo::Calc>("hub", {.codec = "json"});
  std::cout << "1 + 2 is " << calc.add(1, 2).get() << '\n';
}
