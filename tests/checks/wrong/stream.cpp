// expect: error: static assertion failed: duplex: at most one argument of fn<R\(A...\)> is a stream, the last one
// SPDX-License-Identifier: BSD-2-Clause
// A stream that is not the last argument.
#include <duplex/rpc.hpp>

duplex::rpc::fn<int(duplex::rpc::stream<int>, int)> f;
