// SPDX-License-Identifier: BSD-2-Clause
// The floor: blocking sockets, bare and with TLS 1.3 (OpenSSL, aes128-gcm, each side checks the other's certificate).
// security=none|tls, transport=tcp|unix. One write per frame where each is waited for; gathered into 32 kB where nobody
// waits, which is what the fastest hand-written program would do.
#include "tools/bench/socket_address.hpp"

#include <openssl/ssl.h>

#include <netinet/tcp.h>

#include <array>
#include <memory>
#include <thread>

namespace bench {
namespace {

constexpr std::size_t gathered = 32 * 1024;

SSL_CTX* tls_context(bool server) {
  SSL_CTX* made = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
  SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION);
  const auto certificate = file("tls.crt");
  if (SSL_CTX_set_ciphersuites(made, "TLS_AES_128_GCM_SHA256") != 1 ||
      SSL_CTX_use_certificate_file(made, certificate.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_use_PrivateKey_file(made, file("tls.key").c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_load_verify_locations(made, certificate.c_str(), nullptr) != 1)
    fail("TLS context");
  SSL_CTX_set_read_ahead(made, 1);  // one read() for a record and its header
  SSL_CTX_set_verify(made, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_num_tickets(made, 0);
  SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
  return made;
}

/// A connected socket, perhaps under TLS.
class connection {
 public:
  connection(int fd, bool server, bool is_tls) : fd_(fd) {
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!is_tls) return;
    static SSL_CTX* const context = tls_context(server);
    ssl_ = SSL_new(context);
    SSL_set_fd(ssl_, fd_);
    if ((server ? SSL_accept(ssl_) : SSL_connect(ssl_)) != 1) fail("TLS handshake");
  }
  connection(const connection&) = delete;
  ~connection() {
    SSL_free(ssl_);
    close(fd_);
  }
  /// False at the end.
  bool read_all(char* to, std::size_t size) {
    for (std::size_t done = 0; done < size;) {
      const auto n = read_some(to + done, size - done);
      if (n == 0) return false;
      done += n;
    }
    return true;
  }
  std::size_t read_some(char* to, std::size_t size) {
    const auto n = ssl_ ? SSL_read(ssl_, to, static_cast<int>(size)) : ::read(fd_, to, size);
    return n > 0 ? static_cast<std::size_t>(n) : 0;
  }
  void write_all(const char* from, std::size_t size) {
    for (std::size_t done = 0; done < size;) {
      const auto n = ssl_ ? SSL_write(ssl_, from + done, static_cast<int>(size - done))
                          : send(fd_, from + done, size - done, MSG_NOSIGNAL);
      if (n <= 0) fail("write");
      done += static_cast<std::size_t>(n);
    }
  }

 private:
  int fd_;
  SSL* ssl_ = nullptr;
};

std::unique_ptr<connection> dial(const std::string& where, const settings& with) {
  return std::make_unique<connection>(socket_address{where}.dial(), false, setting(with, "security", "tls") == "tls");
}

/// Serves each connection on a thread of its own.
std::string serve_each(const settings& with, void (*one)(connection&)) {
  const auto host = setting(with, "host", "127.0.0.1");
  const socket_address at{setting(with, "transport", "tcp") == "unix" ? file("sockets.sock") : host + ":0"};
  std::string where;
  const int listening = at.listen(where);
  const bool is_tls = setting(with, "security", "tls") == "tls";
  std::thread([=] {
    for (int fd; (fd = accept(listening, nullptr, nullptr)) >= 0;)
      std::thread([=] {
        connection on{fd, true, is_tls};
        one(on);
      }).detach();
  }).detach();
  return where;
}

void echo(connection& on) {
  std::array<char, gathered> buffer;
  // What came together goes back together: with one frame in flight this is one write per frame.
  for (std::size_t held = 0;;) {
    const auto n = on.read_some(buffer.data() + held, buffer.size() - held);
    if (n == 0) return;
    held += n;
    const auto whole = held / small_size * small_size;
    on.write_all(buffer.data(), whole);
    std::copy(buffer.data() + whole, buffer.data() + held, buffer.data());
    held -= whole;
  }
}

void run_echo(const std::string& where, const settings& with) {
  const auto on = dial(where, with);
  std::array<char, small_size> frame{};
  round_trips trips;
  while (trips.lap()) {
    on->write_all(frame.data(), frame.size());
    if (!on->read_all(frame.data(), frame.size())) fail("the server is gone");
  }
  trips.report();
}

void run_echo_in_flight(const std::string& where, const settings& with) {
  const auto on = dial(where, with);
  std::array<char, small_size * in_flight> frames{};
  on->write_all(frames.data(), frames.size());
  meter done;
  for (std::size_t held = 0;;) {
    const auto n = on->read_some(frames.data() + held, frames.size() - held);
    if (n == 0) fail("the server is gone");
    held += n;
    const auto whole = held / small_size * small_size;
    if (done.done(whole / small_size)) break;
    on->write_all(frames.data(), whole);
    std::copy(frames.data() + whole, frames.data() + held, frames.data());
    held -= whole;
  }
  report("per_second", done.rate());
}

/// What calls are compared with.
void run_both_echoes(const std::string& where, const settings& with) {
  run_echo(where, with);
  run_echo_in_flight(where, with);
}

/// One way there are no lengths: all frames have the size that the workload has, and the last is told by its last byte.
template <std::size_t size> void receive(connection& on) {
  std::vector<char> buffer(std::max(size, gathered));
  tally seen;
  for (std::size_t held = 0;;) {
    const auto n = on.read_some(buffer.data() + held, buffer.size() - held);
    if (n == 0) return;
    held += n;
    std::size_t at = 0;
    for (; held - at >= size; at += size) {
      if (buffer[at + size - 1] == 'L') {
        on.write_all(reinterpret_cast<const char*>(&seen), sizeof seen);
        return;
      }
      seen.add(buffer.data() + at, size);
    }
    std::copy(buffer.data() + at, buffer.data() + held, buffer.data());
    held -= at;
  }
}

template <std::size_t size> void run_send(const std::string& where, const settings& with) {
  const auto on = dial(where, with);
  std::string gather;
  gather.reserve(gathered + size);
  one_way stream{size};
  for (auto frame = stream.next(); !frame.empty(); frame = stream.next()) {
    if constexpr (size >= gathered) {
      on->write_all(frame.data(), frame.size());
    } else {
      gather += frame;
      if (gather.size() < gathered) continue;
      on->write_all(gather.data(), gather.size());
      gather.clear();
    }
  }
  gather.append(size, 'L');
  on->write_all(gather.data(), gather.size());
  tally received;
  if (!on->read_all(reinterpret_cast<char*>(&received), sizeof received)) fail("the server is gone");
  stream.finish(received);
}

void run_connect(const std::string& where, const settings& with) {
  meter done;
  char byte = 'x';
  do {  // in TLS 1.3 the client is done before the server has checked it: one byte each way shows that both are
    const auto on = dial(where, with);
    on->write_all(&byte, 1);
    if (!on->read_all(&byte, 1)) fail("the server is gone");
  } while (!done.done());
  report("per_second", done.rate());
}

void run_idle(const std::string& where, const settings& with) {
  std::vector<std::unique_ptr<connection>> all;
  char byte = 'x';
  mark("before");
  for (std::size_t i = 0; i < setting(with, "sessions", std::size_t{1000}); ++i) {
    all.push_back(dial(where, with));
    all.back()->write_all(&byte, 1);
    if (!all.back()->read_all(&byte, 1)) fail("the server is gone");
  }
  mark("after");
}

void echo_bytes(connection& on) {
  for (char byte; on.read_all(&byte, 1);) on.write_all(&byte, 1);
}

workload over(void (*one)(connection&), void (*run)(const std::string&, const settings&)) {
  return {[one](const settings& with) { return serve_each(with, one); }, run};
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  using namespace bench;
  return bench::main(argc, argv,
                     {{"rtt", over(echo, run_echo)},
                      {"rpc", over(echo, run_both_echoes)},
                      {"rtt64", over(echo, run_echo_in_flight)},
                      {"frames", over(receive<small_size>, run_send<small_size>)},
                      {"bulk", over(receive<bulk_size>, run_send<bulk_size>)},
                      {"connect", over(echo_bytes, run_connect)},
                      {"idle_sessions", over(echo_bytes, run_idle)}});
}
