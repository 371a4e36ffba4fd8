// SPDX-License-Identifier: BSD-2-Clause
#include "tests/actors/site.hpp"

#include <caf/send.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace duplex::test {
namespace {

std::string_view name_of(transport over) {
  static constexpr std::string_view names[] = {"tcp", "unix", "inproc", "fd", "exec", "pipes"};
  return names[static_cast<int>(over)];
}

std::string written(const options& settings) {
  std::vector<std::string> all;
  for (const auto name : option_names()) {
    auto value = get_option(settings, name);
    if (!value) FAIL(value.error().message());
    all.push_back(std::string{name} + '=' + *value);
  }
  return encode_list(all);
}

}  // namespace

struct site::remote {
  explicit remote(const options& settings) : hub(rt.spawn_peer(settings)) {
    if (auto ready = serve_behaviour(hub); !ready) FAIL(ready.error().message());
  }
  ~remote() { rt.shutdown(); }  // the services refer to `hub`

  runtime rt;
  peer hub;
};

site::site(transport over, options for_hub, options for_me) {
  for_hub.name = "hub";
  for_hub.identity = hub_key().text();
  for_hub.authorized_keys = my_key().public_line();
  for_me.name = "me";
  for_me.identity = my_key().text();
  for_me.host_key = hub_key().fingerprint();
  for_me.reconnect_delay = for_me.reconnect_delay_max = std::chrono::hours{1};
  me = rt.spawn_peer(for_me);
  if (over == transport::exec || over == transport::pipes)
    where = command(over, for_hub);
  else
    connect_within(over, for_hub);
  if (auto up = me.connect(where); !up) FAIL(up.error().message());
}

site::~site() { rt.shutdown(); }

void site::connect_within(transport over, const options& for_hub) {
  remote_ = std::make_unique<remote>(for_hub);
  std::string at;
  switch (over) {
    case transport::tcp:
      at = "tcp://127.0.0.1:0";
      break;
    case transport::unix_socket:
      at = "unix://" + files_.path("hub");
      break;
    case transport::inproc:
      at = "inproc://hub";
      break;
    default: {
      std::array<int, 2> ends{};
      REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
      at = "fd:" + std::to_string(ends[0]);
      where = "fd:" + std::to_string(ends[1]);
    }
  }
  const auto bound = remote_->hub.bind(at);
  if (!bound) FAIL(bound.error().message());
  if (where.empty()) where = bound->str();
}

std::string site::command(transport over, const options& for_hub) const {
  const auto program = DUPLEX_BIN_DIR "/behaviour_hub " + files_.write("options", written(for_hub));
  return over == transport::pipes ? "exec:cat | " + program + " | cat" : "exec:exec " + program;
}

channel site::open(std::string_view service, const std::vector<std::string>& headers) {
  auto opened = me.open("hub", service, headers);
  if (!opened) FAIL(opened.error().message());
  return *opened;
}

void site::cut() {
  if (remote_) {
    caf::anon_send_exit(remote_->hub.actor(), caf::exit_reason::kill);
    return;
  }
  auto asked = open("process");
  const auto group = asked.read_frame();
  REQUIRE(group);
  const auto id = std::stoi(std::string{group->view()});
  REQUIRE(id != ::getpgrp());
  REQUIRE(::kill(-id, SIGKILL) == 0);
}

const key& site::my_key() {
  static const key k = key::generate();
  return k;
}

const key& site::hub_key() {
  static const key k = key::generate();
  return k;
}

void add_behaviour(transport over, const char* claim, void (*body)(), const Catch::SourceLineInfo& at) {
  const auto name = "over " + std::string{name_of(over)} + ": " + claim;
  const auto tags = "[behaviour][" + std::string{name_of(over)} + "]";
  const Catch::AutoReg add{Catch::makeTestInvoker(body), at, {}, {name, tags}};
}

}  // namespace duplex::test
