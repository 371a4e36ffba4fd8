// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "tests/actors/support.hpp"
#include "transport/ssh_ptr.hpp"
#include "transport/unique_fd.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <thread>

namespace duplex::test {

/// An SSH server that knows nothing of Duplex: takes one connection with any key, and answers the first channel with
/// the exit signal that a test gives it.
class raw_server {
 public:
  raw_server(std::string signal, std::string text) : signal_(std::move(signal)), text_(std::move(text)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    timeval limit{std::chrono::seconds{patience}.count(), 0};
    ::setsockopt(listening_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    REQUIRE(::bind(listening_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(::listen(listening_.get(), 1) == 0);
    socklen_t size = sizeof at;
    ::getsockname(listening_.get(), reinterpret_cast<sockaddr*>(&at), &size);
    where_ = "tcp://127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    thread_ = std::thread{[this] { serve(); }};
  }
  ~raw_server() { thread_.join(); }
  raw_server(const raw_server&) = delete;
  raw_server& operator=(const raw_server&) = delete;

  [[nodiscard]] const std::string& where() const noexcept { return where_; }

 private:
  void serve() {
    const transport::ssh_bind_ptr bind{ssh_bind_new()};
    const bool off = false;
    ssh_bind_options_set(bind.get(), SSH_BIND_OPTIONS_PROCESS_CONFIG, &off);
    ssh_bind_options_set(bind.get(), SSH_BIND_OPTIONS_IMPORT_KEY, ssh_key_dup(test_key().rep().key.get()));
    transport::unique_fd socket{::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    ssh_session ssh = ssh_new();
    const long limit = std::chrono::seconds{patience}.count();
    ssh_options_set(ssh, SSH_OPTIONS_TIMEOUT, &limit);
    if (socket && ssh_bind_accept_fd(bind.get(), ssh, socket.release()) == SSH_OK &&
        ssh_handle_key_exchange(ssh) == SSH_OK)
      while (ssh_message message = ssh_message_get(ssh)) {
        answer(message);
        ssh_message_free(message);
      }
    ssh_disconnect(ssh);
    ssh_free(ssh);
  }
  void answer(ssh_message message) const {
    if (ssh_message_type(message) == SSH_REQUEST_AUTH && ssh_message_subtype(message) == SSH_AUTH_METHOD_PUBLICKEY)
      ssh_message_auth_reply_success(message, 0);
    else if (ssh_message_type(message) == SSH_REQUEST_CHANNEL_OPEN)
      ssh_channel_request_send_exit_signal(ssh_message_channel_request_open_reply_accept(message), signal_.c_str(), 0,
                                           text_.c_str(), "");
    else
      ssh_message_reply_default(message);
  }

  const std::string signal_, text_;
  transport::unique_fd listening_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::string where_;
  std::thread thread_;
};

}  // namespace duplex::test
