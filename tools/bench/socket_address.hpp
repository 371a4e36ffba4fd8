// SPDX-License-Identifier: BSD-2-Clause
#pragma once
#include "tools/bench/harness.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>

namespace bench {

/// "HOST:PORT", an IPv4 address, or the path of a unix socket.
class socket_address {
 public:
  explicit socket_address(std::string text) : text_(std::move(text)) {
    if (text_.starts_with('/')) {
      path_.sun_family = AF_UNIX;
      text_.copy(path_.sun_path, sizeof path_.sun_path - 1);
      return;
    }
    port_.sin_family = AF_INET;
    port_.sin_addr.s_addr = inet_addr(text_.substr(0, text_.find(':')).c_str());
    port_.sin_port = htons(static_cast<std::uint16_t>(std::stoi(text_.substr(text_.find(':') + 1))));
  }
  bool is_unix() const { return path_.sun_family == AF_UNIX; }

  /// A socket that is connected there.
  int dial() const {
    const int fd = open();
    if (fd < 0 || connect(fd, any(), size()) != 0) fail("connect " + text_);
    return fd;
  }
  /// A socket that listens there, and where that is: port 0 becomes the one that the system chose.
  int listen(std::string& at) const {
    const int fd = open();
    if (is_unix()) unlink(path_.sun_path);
    if (bind(fd, any(), size()) != 0 || ::listen(fd, 1024) != 0) fail("listen at " + text_);
    at = text_;
    if (is_unix()) return fd;
    sockaddr_in bound{};
    socklen_t length = sizeof bound;
    getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length);
    at.replace(at.find(':') + 1, std::string::npos, std::to_string(ntohs(bound.sin_port)));
    return fd;
  }

 private:
  int open() const { return socket(is_unix() ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }
  const sockaddr* any() const { return reinterpret_cast<const sockaddr*>(is_unix() ? (const void*)&path_ : &port_); }
  socklen_t size() const { return is_unix() ? sizeof path_ : sizeof port_; }

  std::string text_;
  sockaddr_un path_{};
  sockaddr_in port_{};
};

}  // namespace bench
