// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "tests/actors/support.hpp"
#include "transport/ssh_ptr.hpp"

#include <arpa/inet.h>
#include <libssh/callbacks.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace duplex::test {

/// A TCP connection that says what it is told to: the client's side of a listener.
class raw_socket {
 public:
  explicit raw_socket(const std::string& where) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const auto parsed = endpoint::parse(where);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(parsed->number());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    timeval limit{std::chrono::seconds{patience}.count(), 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) FAIL("connect " << where);
  }
  ~raw_socket() { ::close(fd_); }
  raw_socket(const raw_socket&) = delete;
  raw_socket& operator=(const raw_socket&) = delete;

  void say(std::string_view text) const { (void)!::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
  /// Everything until the other side closes; `closed` tells whether it did within all patience.
  std::string hear(bool& closed) const {
    std::string all;
    char buffer[4096];
    for (;;) {
      const auto n = ::recv(fd_, buffer, sizeof buffer, 0);
      if (n > 0) {
        all.append(buffer, static_cast<std::size_t>(n));
        continue;
      }
      closed = n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
      return all;
    }
  }

 private:
  int fd_;
};

/// An SSH client that knows nothing of Duplex, and lets a test write open requests as it likes. Blocking.
class raw_client {
 public:
  raw_client(const std::string& where, const key& identity) : raw_client(where) { authenticate(identity); }
  explicit raw_client(const std::string& where) : ssh_(ssh_new()) {
    const auto parsed = endpoint::parse(where);
    const unsigned port = parsed->number();
    const bool off = false;
    const long limit = std::chrono::seconds{patience}.count();
    ssh_options_set(ssh_, SSH_OPTIONS_PROCESS_CONFIG, &off);
    ssh_options_set(ssh_, SSH_OPTIONS_HOST, parsed->target().c_str());
    ssh_options_set(ssh_, SSH_OPTIONS_PORT, &port);
    ssh_options_set(ssh_, SSH_OPTIONS_USER, "raw");
    ssh_options_set(ssh_, SSH_OPTIONS_TIMEOUT, &limit);
    if (ssh_connect(ssh_) != SSH_OK) FAIL(ssh_get_error(ssh_));
  }
  ~raw_client() {
    ssh_disconnect(ssh_);
    ssh_free(ssh_);
  }
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;

  /// A channel that notes its exit signal: "trailers@duplex status=16;reason=...;". Not `opened` when the other side
  /// refuses, or has closed it again by the time libssh looks.
  struct channel {
    ssh_channel raw;
    ssh_channel_callbacks_struct callbacks{};
    std::string signal;
    std::string* into = nullptr;  // from now on data goes there: libssh forgets what it holds when the session ends
    bool opened = false;

    /// Reads until the end of the channel, then tells the signal.
    const std::string& last_signal() {
      char buffer[256];
      constexpr int limit = static_cast<int>(std::chrono::milliseconds{patience}.count());
      while (signal.empty() && ssh_channel_read_timeout(raw, buffer, sizeof buffer, 0, limit) > 0) {
      }
      return signal;
    }
  };
  /// `into` from the start, for what may come along with the confirmation.
  std::unique_ptr<channel> open(const std::string& service, const std::string& originator,
                                std::string* into = nullptr) {
    auto made = make();
    made->into = into;
    made->opened = ssh_channel_open_forward(made->raw, service.c_str(), 1, originator.c_str(), 0) == SSH_OK;
    return made;
  }
  /// A session channel, as of ssh -s.
  std::unique_ptr<channel> open_session() {
    auto made = make();
    made->opened = ssh_channel_open_session(made->raw) == SSH_OK;
    return made;
  }

  void authenticate(const key& by) {
    authenticated = ssh_userauth_publickey(ssh_, nullptr, by.rep().key.get()) == SSH_AUTH_SUCCESS;
  }
  [[nodiscard]] ssh_session raw() const { return ssh_; }
  /// Breaks the connection as a crash does: not another word.
  void cut() const { ::shutdown(ssh_get_fd(ssh_), SHUT_RDWR); }

  bool authenticated = false;

 private:
  std::unique_ptr<channel> make() {
    auto made = std::make_unique<channel>();
    made->raw = ssh_channel_new(ssh_);
    made->callbacks.userdata = made.get();
    made->callbacks.channel_exit_signal_function = [](ssh_session, ssh_channel, const char* name, int, const char* text,
                                                      const char*, void* user) {
      static_cast<channel*>(user)->signal = std::string{name} + ' ' + text;
    };
    made->callbacks.channel_data_function = [](ssh_session, ssh_channel, void* data, std::uint32_t size, int,
                                               void* user) {
      auto* into = static_cast<channel*>(user)->into;
      if (into == nullptr) return 0;
      into->append(static_cast<const char*>(data), size);
      return static_cast<int>(size);
    };
    ssh_callbacks_init(&made->callbacks);
    ssh_set_channel_callbacks(made->raw, &made->callbacks);
    return made;
  }

  ssh_session ssh_;
};

}  // namespace duplex::test
