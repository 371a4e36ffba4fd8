// SPDX-License-Identifier: BSD-2-Clause
#include "tools/bench/peers/grpc_sides.hpp"

int main(int argc, char** argv) {
  using namespace bench;
  choose_cipher();
  const std::map<std::string, workload> workloads{{"rtt", {serve_grpc, run_rtt}},
                                                  {"rtt64", {serve_grpc_by_callback, run_rtt64}},
                                                  {"rpc", {serve_grpc, run_rpc}},
                                                  {"frames", {serve_grpc, run_frames}},
                                                  {"bulk", {serve_grpc, run_bulk}},
                                                  {"open", {serve_grpc, run_open}},
                                                  {"fanout", {serve_grpc, run_fanout}},
                                                  {"idle_channels", {serve_grpc, run_idle_channels}},
                                                  {"idle_sessions", {serve_grpc, run_idle_sessions}},
                                                  {"connect", {serve_grpc, run_connect}}};
  return bench::main(argc, argv, workloads);
}
