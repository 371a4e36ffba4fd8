// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc.hpp>

#include <cstdint>
#include <string>

/// What `duplex serve --demo` serves: a service with every kind of call.
namespace demo {

using duplex::rpc::doc;
using duplex::rpc::fn;
using duplex::rpc::idempotent;
using duplex::rpc::stream;

struct event {
  std::string topic;
  int n = 0;
};

struct Calc {
  fn<int(int, int), idempotent, doc("a + b")> add;
  fn<int(int, int), idempotent, doc("a / b; invalid_argument when b is 0")> divide;
  fn<stream<int>(int), doc("0, 1, 2 and so on: that many")> ticks;
  fn<std::int64_t(stream<int>), doc("the sum of what is sent")> sum;
  fn<stream<std::string>(stream<std::string>), doc("answers each line")> chat;
  fn<duplex::channel(), doc("becomes bytes, which come back")> echo;
  fn<int(std::string, fn<void(event)>), doc("calls the function three times; how often it did")> notify;
};

/// What serves it. Thread: any.
Calc calculator();

}  // namespace demo
