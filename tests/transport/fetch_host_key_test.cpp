// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/known_hosts.hpp>

#include "tests/transport/folder.hpp"
#include "tests/transport/keys.hpp"
#include "transport/ssh_ptr.hpp"
#include "transport/unique_fd.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <thread>

using namespace duplex;
using namespace duplex::transport;
using namespace std::chrono_literals;
using Catch::Contains;
using transport_tests::folder;

namespace {

constexpr auto patience = 20s;

/// A listening socket, on a port of the system's choice or at a path.
class listener {
 public:
  listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listen(at);
    socklen_t size = sizeof at;
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
  }
  explicit listener(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::strncpy(at.sun_path, path.c_str(), sizeof at.sun_path - 1);
    listen(at);
  }
  [[nodiscard]] unique_fd accept() const { return unique_fd{::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)}; }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  template <class Address> void listen(const Address& at) {
    REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(::listen(fd_.get(), 8) == 0);
    timeval limit{patience.count(), 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  unique_fd fd_;
  std::uint16_t port_ = 0;
};

// One key exchange as the host, to its end.
void show(const listener& at, const key& of) {
  auto socket = at.accept();
  const ssh_bind_ptr bind{ssh_bind_new()};
  const bool off = false;
  ssh_bind_options_set(bind.get(), SSH_BIND_OPTIONS_PROCESS_CONFIG, &off);
  ssh_bind_options_set(bind.get(), SSH_BIND_OPTIONS_IMPORT_KEY, ssh_key_dup(of.rep().key.get()));
  ssh_session ssh = ssh_new();
  const long limit = patience.count();
  ssh_options_set(ssh, SSH_OPTIONS_TIMEOUT, &limit);
  if (ssh_bind_accept_fd(bind.get(), ssh, socket.release()) == SSH_OK) (void)ssh_handle_key_exchange(ssh);
  ssh_disconnect(ssh);
  ssh_free(ssh);
}

}  // namespace

TEST_CASE("host key: fetched over tcp, by address and by name, and over a unix socket", "[host key]") {
  const folder here;
  const auto me = key::generate();
  const listener tcp, local{here.path("socket")};
  for (const auto& where : {endpoint::tcp("127.0.0.1", tcp.port()), endpoint::tcp("localhost", tcp.port()),
                            *endpoint::parse("unix://" + here.path("socket"))}) {
    INFO(where.str());
    std::thread host{[&] { show(where.type() == endpoint::kind::tcp ? tcp : local, me); }};
    const auto shown = fetch_host_key(where, patience);
    host.join();
    REQUIRE(shown);
    CHECK(shown->line == me.public_line());
    CHECK(shown->fingerprint == me.fingerprint());
  }
}

TEST_CASE("host key: a host that is silent, or stops after its banner, costs the limit only", "[host key]") {
  const std::string banner = GENERATE("", "SSH-2.0-x\r\n");
  const listener quiet;
  const auto where = endpoint::tcp("127.0.0.1", quiet.port());
  unique_fd kept;
  std::thread host{[&] {
    kept = quiet.accept();
    (void)!::send(kept.get(), banner.data(), banner.size(), MSG_NOSIGNAL);
  }};
  const auto start = std::chrono::steady_clock::now();
  const auto shown = fetch_host_key(where, 100ms);
  host.join();
  CHECK(shown.error().code() == errc::timed_out);
  CHECK_THAT(shown.error().context(), Contains(where.str()));
  CHECK(std::chrono::steady_clock::now() - start < patience / 2);
}

TEST_CASE("host key: where nobody, or no SSH host, answers the connection failed", "[host key]") {
  const folder here;
  std::uint16_t closed = 0;
  {
    const listener gone;
    closed = gone.port();
  }
  for (const auto& where : {endpoint::tcp("127.0.0.1", closed), *endpoint::parse("unix://" + here.path("none")),
                            endpoint::tcp("no-such-host.invalid", 1)}) {
    INFO(where.str());
    CHECK(fetch_host_key(where, patience).error().code() == errc::connection_failed);
  }
  const listener web;
  std::thread host{[&] {
    const auto client = web.accept();
    (void)!::send(client.get(), "HTTP/1.0 400 no\r\n\r\n", 19, MSG_NOSIGNAL);
  }};
  CHECK(fetch_host_key(endpoint::tcp("127.0.0.1", web.port()), patience).error().code() == errc::connection_failed);
  host.join();
}

TEST_CASE("host key: other kinds of endpoint are not asked", "[host key]") {
  for (const auto* where : {"inproc://a", "exec:cat", "stdio:", "fd:3"})
    CHECK(fetch_host_key(*endpoint::parse(where), patience).error().code() == errc::unsupported);
}
