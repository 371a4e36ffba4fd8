// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/endpoint.hpp>
#include <duplex/percent.hpp>

#include <charconv>

namespace duplex {
namespace {

constexpr std::size_t unix_path_limit = 107;  // sockaddr_un::sun_path less its NUL

error wrong(std::string_view text, std::string_view why) {
  return {errc::invalid_argument,
          "endpoint '" + std::string{text} + "' " + std::string{why} +
              "; the forms are tcp://host:port, tcp://[ipv6]:port, unix:///path, inproc://name, "
              "exec:command, stdio:, fd:N"};
}

bool parse_number(std::string_view text, std::uint16_t& number) {
  if (text.empty()) return false;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  return ec == std::errc{} && end == text.data() + text.size();
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

endpoint endpoint::tcp(std::string host, std::uint16_t port) { return {kind::tcp, std::move(host), port}; }

result<endpoint> endpoint::parse(std::string_view text) {
  auto rest = text;
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20) return wrong(percent_encode(text), "holds a control character");
  if (take(rest, "tcp://")) {
    const auto colon = rest.rfind(':');
    if (colon == std::string_view::npos || rest.ends_with(']')) return wrong(text, "has no port");
    auto host = rest.substr(0, colon);
    std::uint16_t port = 0;
    if (!parse_number(rest.substr(colon + 1), port)) return wrong(text, "has no port between 0 and 65535");
    if (host.starts_with('[')) {
      if (!host.ends_with(']')) return wrong(text, "lacks the ']' of its address");
      host = host.substr(1, host.size() - 2);
      if (host.find(':') == std::string_view::npos) return wrong(text, "holds brackets without an IPv6 address");
    } else if (host.find(':') != std::string_view::npos) {
      return wrong(text, "holds an IPv6 address without brackets");
    }
    if (host.empty()) return wrong(text, "has no host");
    if (host.find_first_of("/ @[]") != std::string_view::npos)
      return wrong(text, "holds a host with '/', '@', a bracket or a blank");
    return tcp(std::string{host}, port);
  }
  if (take(rest, "unix://")) {
    if (!rest.starts_with('/')) return wrong(text, "has no absolute path");
    if (rest.size() > unix_path_limit) return wrong(text, "has a path over 107 bytes");
    return endpoint{kind::unix_socket, std::string{rest}, 0};
  }
  if (take(rest, "inproc://")) {
    if (rest.empty()) return wrong(text, "has no name");
    return endpoint{kind::inproc, std::string{rest}, 0};
  }
  if (take(rest, "exec:")) {
    if (rest.find_first_not_of(' ') == std::string_view::npos) return wrong(text, "has no command");
    return endpoint{kind::exec, std::string{rest}, 0};
  }
  if (rest == "stdio:") return endpoint{kind::stdio, {}, 0};
  if (take(rest, "fd:")) {
    std::uint16_t number = 0;
    if (!parse_number(rest, number)) return wrong(text, "has no descriptor's number");
    return endpoint{kind::fd, {}, number};
  }
  return wrong(text, "is of no known kind");
}

std::string endpoint::str() const {
  switch (kind_) {
    case kind::tcp: {
      const bool v6 = target_.find(':') != std::string::npos;
      return "tcp://" + (v6 ? "[" + target_ + "]" : target_) + ":" + std::to_string(number_);
    }
    case kind::unix_socket:
      return "unix://" + target_;
    case kind::inproc:
      return "inproc://" + target_;
    case kind::exec:
      return "exec:" + target_;
    case kind::stdio:
      return "stdio:";
    case kind::fd:
      return "fd:" + std::to_string(number_);
  }
  return {};
}

}  // namespace duplex
