// SPDX-License-Identifier: BSD-2-Clause
// usage: bench_rtt [CALLS [ROUNDS]]
// Round trips between two processes on one CPU, over TCP loopback, interleaved: raw TLS 1.3 (OpenSSL, aes128-gcm,
// blocking sockets), a frame through two channels, a unary call with a small struct. Prints the median over the rounds
// of each one's p50 and p99, and ratios to TLS.
#include <duplex/async.hpp>
#include <duplex/key.hpp>
#include <duplex/rpc.hpp>

#include <boost/asio/io_context.hpp>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

namespace bench {

using namespace duplex;
namespace asio = boost::asio;
using clock = std::chrono::steady_clock;

constexpr std::size_t payload = 64;

struct sample {
  std::uint64_t id = 0;
  std::string name;
  std::int32_t n = 0;
  double weight = 0;
};
struct Echo {
  rpc::fn<sample(sample)> echo;
};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "bench_rtt: %s\n", what.c_str());
  std::_Exit(1);
}

void stay_on_one_cpu() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  if (sched_setaffinity(0, sizeof one, &one) != 0) fail("sched_setaffinity");
}

/// Microseconds of each round trip.
using times = std::vector<double>;

class stopwatch {
 public:
  double lap() {
    const auto now = clock::now();
    const auto took = std::chrono::duration<double, std::micro>(now - last_).count();
    last_ = now;
    return took;
  }

 private:
  clock::time_point last_ = clock::now();
};

// ---- raw TLS

SSL_CTX* tls_context(bool server) {
  SSL_CTX* made = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
  SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION);
  if (SSL_CTX_set_ciphersuites(made, "TLS_AES_128_GCM_SHA256") != 1) fail("ciphersuites");
  if (!server) return made;
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* cert = X509_new();
  X509_set_pubkey(cert, key);
  X509_gmtime_adj(X509_getm_notBefore(cert), 0);
  X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
  X509_sign(cert, key, EVP_sha256());
  if (SSL_CTX_use_certificate(made, cert) != 1 || SSL_CTX_use_PrivateKey(made, key) != 1) fail("certificate");
  return made;
}

void transfer(SSL* on, char* buffer, bool read) {
  for (std::size_t done = 0; done < payload;) {
    const int left = static_cast<int>(payload - done);
    const int n = read ? SSL_read(on, buffer + done, left) : SSL_write(on, buffer + done, left);
    if (n <= 0) std::_Exit(0);
    done += static_cast<std::size_t>(n);
  }
}

SSL* tls_over(int fd, bool server) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  SSL* ssl = SSL_new(tls_context(server));
  SSL_set_fd(ssl, fd);
  if ((server ? SSL_accept(ssl) : SSL_connect(ssl)) != 1) fail("TLS handshake");
  return ssl;
}

std::string serve_tls(int ready) {
  const int listening = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listening, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || listen(listening, 1) != 0) fail("listen");
  socklen_t size = sizeof at;
  getsockname(listening, reinterpret_cast<sockaddr*>(&at), &size);
  const auto port = std::to_string(ntohs(at.sin_port));
  if (write(ready, port.data(), port.size()) < 0) fail("pipe");
  SSL* ssl = tls_over(accept(listening, nullptr, nullptr), true);
  for (std::array<char, payload> buffer{};;) {
    transfer(ssl, buffer.data(), true);
    transfer(ssl, buffer.data(), false);
  }
}

std::function<times(std::size_t)> dial_tls(const std::string& port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
  if (connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) fail("connect");
  SSL* ssl = tls_over(fd, false);
  return [ssl](std::size_t count) {
    times all;
    std::array<char, payload> buffer{};
    stopwatch watch;
    for (std::size_t i = 0; i < count; ++i) {
      transfer(ssl, buffer.data(), false);
      transfer(ssl, buffer.data(), true);
      all.push_back(watch.lap());
    }
    return all;
  };
}

// ---- Duplex

const key& shared_key() {
  static const key made = key::generate();
  return made;
}

options settings(std::string name) {
  options made;
  made.name = std::move(name);
  made.identity = shared_key().text();
  made.authorized_keys = shared_key().public_line();
  made.host_key = shared_key().fingerprint();
  return made;
}

std::string serve_duplex(int ready) {
  runtime rt{{.workers = 1, .busy_poll = {}}};
  rpc::peer hub = rt.spawn_peer(settings("hub"));
  (void)hub.serve(Echo{.echo = [](sample s) { return s; }});
  (void)hub.serve("frames", [](channel ch) -> asio::awaitable<void> {
    while (auto batch = co_await ch.async_read_frames()) co_await ch.async_write_frames(*batch);
  });
  const auto at = hub.bind("tcp://127.0.0.1:0");
  if (!at) fail(at.error().message());
  const auto text = at->str();
  if (write(ready, text.data(), text.size()) < 0) fail("pipe");
  for (;;) pause();
}

/// Runs on this thread: what a client that lives in coroutines does.
class client {
 public:
  explicit client(const std::string& endpoint) {
    run([&]() -> asio::awaitable<void> {
      const auto up = co_await me_.async_connect(endpoint);
      if (!up) fail(up.error().message());
      auto opened = co_await me_.async_open("hub", "frames");
      if (!opened) fail(opened.error().message());
      frames_ = *opened;
      co_return;
    });
  }

  times frame_trips(std::size_t count) {
    times all;
    run([&]() -> asio::awaitable<void> {
      const std::string sent(payload, 'x');
      stopwatch watch;
      for (std::size_t i = 0; i < count; ++i) {
        co_await frames_.async_write_frame(sent);
        if (!co_await frames_.async_read_frame()) fail("frame");
        all.push_back(watch.lap());
      }
    });
    return all;
  }
  times calls(std::size_t count) {
    times all;
    run([&]() -> asio::awaitable<void> {
      const auto hub = me_.use<Echo>("hub");
      sample sent{1, "a name of some size", 42, 0.5};
      stopwatch watch;
      for (std::size_t i = 0; i < count; ++i) {
        auto call = hub.echo(sent);
        const auto got = co_await std::move(call);
        if (got.n != 42) fail("call");
        all.push_back(watch.lap());
      }
    });
    return all;
  }

 private:
  template <class Body> void run(Body body) {
    io_.restart();
    bool done = false;
    asio::co_spawn(io_, body(), [&](const std::exception_ptr& why) {
      if (why) std::rethrow_exception(why);
      done = true;
      io_.stop();
    });
    io_.run();
    if (!done) fail("stopped");
  }
  asio::io_context io_{1};
  runtime rt_{io_};
  rpc::peer me_ = rt_.spawn_peer(settings("me"));
  channel frames_;
};

/// Starts a server in a process of its own; gives what it says when it is ready.
std::string start(const std::function<std::string(int)>& serve, std::vector<pid_t>& children) {
  int ends[2];
  if (pipe(ends) != 0) fail("pipe");
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    serve(ends[1]);
    std::_Exit(0);
  }
  children.push_back(child);
  close(ends[1]);
  char text[256];
  const auto n = read(ends[0], text, sizeof text);
  if (n <= 0) fail("a server did not start");
  return {text, static_cast<std::size_t>(n)};
}

double at(times& of, double share) {
  const auto i = static_cast<std::size_t>(share * static_cast<double>(of.size() - 1));
  std::nth_element(of.begin(), of.begin() + static_cast<std::ptrdiff_t>(i), of.end());
  return of[i];
}

}  // namespace bench

int main(int argc, char** argv) {
  using namespace bench;
  const std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 20000;
  const std::size_t rounds = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 5;
  stay_on_one_cpu();
  (void)shared_key();
  std::vector<pid_t> children;
  const auto port = start(serve_tls, children);
  const auto endpoint = start(serve_duplex, children);
  const auto tls = dial_tls(port);
  client me{endpoint};

  struct row {
    const char* name;
    std::function<times(std::size_t)> run;
    times p50, p99;
  };
  std::array rows{row{"raw TLS 1.3", tls, {}, {}},
                  row{"frame", [&](std::size_t n) { return me.frame_trips(n); }, {}, {}},
                  row{"call", [&](std::size_t n) { return me.calls(n); }, {}, {}}};
  for (auto& one : rows) one.run(count / 10);  // warm
  for (std::size_t round = 0; round < rounds; ++round) {
    for (auto& one : rows) {
      auto all = one.run(count);
      one.p50.push_back(at(all, 0.5));
      one.p99.push_back(at(all, 0.99));
    }
  }
  const double base = at(rows[0].p50, 0.5);
  std::printf("%-12s %8s %8s %8s\n", "", "p50 us", "p99 us", "x TLS");
  for (auto& one : rows)
    std::printf("%-12s %8.1f %8.1f %8.2f\n", one.name, at(one.p50, 0.5), at(one.p99, 0.5), at(one.p50, 0.5) / base);
  for (const auto child : children) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
}
