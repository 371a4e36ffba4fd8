// expect: error: static assertion failed: duplex: give this type a serialize function
// SPDX-License-Identifier: BSD-2-Clause
// A type that nobody described.
#include <duplex/rpc.hpp>

class opaque {
 public:
  opaque() = default;

 private:
  int n_ = 0;
};
const duplex::rpc::fn<int(opaque)> f = [](const opaque&) { return 1; };
