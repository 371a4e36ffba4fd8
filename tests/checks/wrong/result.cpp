// expect: error: static assertion failed: duplex: a handler of fn<R\(A...\)> returns R or task<R>
// SPDX-License-Identifier: BSD-2-Clause
// A handler whose result is not that of the method.
#include <duplex/rpc.hpp>

struct Calc {
  duplex::rpc::fn<int(int, int)> add;
};
const Calc calc{.add = [](int, int) { return std::string{"sum"}; }};
