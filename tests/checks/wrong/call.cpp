// expect: error: no match for call to '\(.*duplex::rpc::fn<int\(int, int\)>\) \(int, std::string
// SPDX-License-Identifier: BSD-2-Clause
// A call with arguments of other types.
#include <duplex/rpc.hpp>

int call(const duplex::rpc::fn<int(int, int)>& add) { return add(1, std::string{"2"}).get(); }
