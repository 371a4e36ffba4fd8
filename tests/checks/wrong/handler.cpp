// expect: error: could not convert .* to 'duplex::rpc::fn<int\(int, int\)>'
// SPDX-License-Identifier: BSD-2-Clause
// A handler whose parameters are not those of the method.
#include <duplex/rpc.hpp>

struct Calc {
  duplex::rpc::fn<int(int, int)> add;
};
const Calc calc{.add = [](const std::string& a) { return a.size(); }};
