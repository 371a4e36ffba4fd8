// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc.hpp>

#include <string>

// The service of the tests: every kind of call.
namespace demo {

using duplex::channel;
using duplex::rpc::doc;
using duplex::rpc::fn;
using duplex::rpc::idempotent;
using duplex::rpc::oneway;
using duplex::rpc::stream;

struct event {
  std::string topic;
  int n = 0;
};

struct Calc {
  fn<int(int, int), idempotent, doc("a + b")> add;
  fn<int(int, int)> divide;
  fn<stream<int>(int)> ticks;
  fn<int(stream<int>)> sum;
  fn<stream<std::string>(stream<std::string>)> chat;
  fn<int(std::string, fn<void(event)>)> notify;
  fn<oneway(std::string)> log;
  fn<channel(std::string)> shell;
  fn<void()> nothing;
  fn<std::string(std::string)> echo;
};

}  // namespace demo
