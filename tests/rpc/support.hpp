// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "tests/actors/support.hpp"
#include "tests/rpc/calculator.hpp"

namespace duplex::test {

/// Two peers that call each other.
struct rpc_pair : pair {
  explicit rpc_pair(std::string_view bound = loopback, options for_both = {}, std::size_t workers = 2)
      : pair(bound, for_both, workers), near(me), far(hub) {}

  rpc::peer near, far;
};

/// The code of what a call throws; `ok` when it throws nothing.
template <class Call> rpc::code code_of_call(Call&& call) {
  try {
    call();
  } catch (const rpc::failure& why) {
    return why.code();
  }
  return rpc::code::ok;
}

/// The text of the failure.
template <class Call> std::string text_of_call(Call&& call) {
  try {
    call();
  } catch (const rpc::failure& why) {
    return why.what();
  }
  return "ok";
}

demo::Calc calculator();

}  // namespace duplex::test
