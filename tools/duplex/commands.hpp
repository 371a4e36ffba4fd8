// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "tools/duplex/common.hpp"

#include <string>
#include <vector>

namespace duplex::tools {

// One struct of arguments and one function per command; each returns the exit status.

struct keygen_arguments {
  std::string file, comment;
};
int keygen(const keygen_arguments& given);

struct allow_arguments {
  std::string key, file;
  std::vector<std::string> open, listen, names, from, expiry_time;
  bool restricted = false;
};
int allow(const allow_arguments& given);

struct serve_arguments {
  peer_arguments peer;
  std::vector<std::string> bind, connect, services;
  bool demo = false;
};
int serve(const serve_arguments& given);

struct open_arguments {
  peer_arguments peer;
  std::string endpoint, service, to;
  std::vector<std::string> headers;
  bool frames = false, trailers = false;
};
int open(const open_arguments& given);

struct forward_arguments {
  peer_arguments peer;
  std::string listen, endpoint, service, to;
  std::vector<std::string> headers;
};
int forward(const forward_arguments& given);

struct call_arguments {
  peer_arguments peer;
  std::string endpoint, method, to, deadline = "30s";
  std::vector<std::string> arguments, headers;
  bool input = false;
};
int call(const call_arguments& given);

struct ls_arguments {
  peer_arguments peer;
  std::string endpoint, service, to;
};
int ls(const ls_arguments& given);

struct health_arguments {
  peer_arguments peer;
  std::string endpoint, service, to;
  bool watch = false;
};
int health(const health_arguments& given);

struct ping_arguments {
  peer_arguments peer;
  std::string endpoint;
  unsigned count = 3;
};
int ping(const ping_arguments& given);

struct trust_arguments {
  std::string endpoint, host_key, known_hosts;
};
int trust(const trust_arguments& given);

}  // namespace duplex::tools
