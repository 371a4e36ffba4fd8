// SPDX-License-Identifier: BSD-2-Clause
#include "transport/local_socket.hpp"

#include <pwd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

namespace duplex::transport {
namespace {

// poll says "writable" below a quarter of the buffer. The kernel doubles this, which is then its default's double:
// 725 against 1,090 MB/s.
constexpr int send_buffer = 212'992;

std::optional<uid_t> number_of(const std::string& user) {
  uid_t number = 0;
  const auto* end = user.data() + user.size();
  if (const auto [at, wrong] = std::from_chars(user.data(), end, number); wrong == std::errc{} && at == end)
    return number;
  std::array<char, 16384> memory;
  passwd entry{}, *found = nullptr;
  if (::getpwnam_r(user.c_str(), &entry, memory.data(), memory.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return entry.pw_uid;
}

}  // namespace

int family_of(int socket) noexcept {
  int family = AF_UNSPEC;
  socklen_t size = sizeof family;
  return ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 ? family : AF_UNSPEC;
}

bool is_local(int socket) noexcept { return family_of(socket) == AF_UNIX; }

void enlarge_send_buffer(int socket) noexcept {
  ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
}

std::optional<credentials> remote_process(int socket) noexcept {
  ucred who{};
  socklen_t size = sizeof who;
  if (!is_local(socket) || ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return std::nullopt;
  return credentials{who.uid, who.gid, who.pid};
}

mode_t socket_mode(const options& of) {
  return static_cast<mode_t>(0777 & ~std::strtoul(of.stream_local_bind_mask.c_str(), nullptr, 8));
}

error check_user(const options& of, const std::optional<credentials>& who) {
  std::string_view rest = of.allow_users;
  bool any = false;
  while (!rest.empty()) {
    const auto one = rest.substr(0, rest.find_first_of(" ,"));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    if (one.empty()) continue;
    any = true;
    if (who && number_of(std::string{one}) == who->uid) return {};
  }
  if (!any) return {};
  return {errc::auth_failed, (who ? "user " + std::to_string(who->uid) : std::string{"an unknown user"}) +
                                 " is not among allow_users (" + of.allow_users + ")"};
}

}  // namespace duplex::transport
