// SPDX-License-Identifier: BSD-2-Clause
#pragma once
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include <echo.grpc.pb.h>
#include "tools/bench/harness.hpp"

namespace bench {

/// Serves all of echo.proto; returns the address.
std::string serve_grpc(const settings& with);
/// Only Each, by the callback API.
std::string serve_grpc_by_callback(const settings& with);

/// Reads a whole file of BENCH_DIR.
std::string content_of(std::string_view name);

/// Has OpenSSL offer and take only TLS_AES_128_GCM_SHA256; before anything of gRPC's is used.
void choose_cipher();

/// A client's side of one connection.
struct connection {
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<echo::Echo::Stub> stub;
};

/// A connection of its own, ready: gRPC says so when the server's HTTP/2 settings have come, which it sends only after
/// it has checked the client's certificate.
connection dial(const std::string& address, const settings& with);

/// The client's only completion queue; run by main's thread.
grpc::CompletionQueue& client_queue();

// The workloads' clients; where one is told in grpc.cpp's table.
void run_rtt(const std::string& address, const settings& with);
void run_rtt64(const std::string& address, const settings& with);
void run_rpc(const std::string& address, const settings& with);
void run_rpc64(const std::string& address, const settings& with);
void run_frames(const std::string& address, const settings& with);
void run_bulk(const std::string& address, const settings& with);
void run_open(const std::string& address, const settings& with);
void run_fanout(const std::string& address, const settings& with);
void run_idle_channels(const std::string& address, const settings& with);
void run_idle_sessions(const std::string& address, const settings& with);
void run_connect(const std::string& address, const settings& with);

}  // namespace bench
