// SPDX-License-Identifier: BSD-2-Clause
#include "tests/tools/site.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

namespace tools_tests {
namespace {

constexpr int all_of_it = static_cast<int>(std::chrono::milliseconds{patience}.count());

void add(words& to, words more) { to.insert(to.end(), more.begin(), more.end()); }

bool ready(int fd, short what) {
  pollfd waits{fd, what, 0};
  return ::poll(&waits, 1, all_of_it) > 0;
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

sockaddr_un local(const std::string& path) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::strncpy(at.sun_path, path.c_str(), sizeof at.sun_path - 1);
  return at;
}

template <class Address> int connected(int family, Address at) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
  return fd;
}

template <class Address> int listening(int family, Address& at) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  socklen_t size = sizeof at;
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&at), size) == 0);
  REQUIRE(::listen(fd, 8) == 0);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
  return fd;
}

}  // namespace

site::site() {
  std::string name = std::filesystem::temp_directory_path() / "duplex-test-XXXXXX";
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  folder_ = name;
  for (const auto* who : {"server", "client"}) REQUIRE(run_duplex({"keygen", "-f", path(who)}).status == 0);
  std::filesystem::copy_file(path("client.pub"), path("authorized_keys"));
}

site::~site() {
  server_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

environment site::variables() const {
  return {{"DUPLEX_HOME", path("home")}, {"HOME", folder_}, {"SSH_AUTH_SOCK", ""}};
}

void site::serve(words services, words more) {
  auto all = duplex({"serve", "--bind", "tcp://127.0.0.1:0", "--identity", path("server"), "--authorized-keys",
                     path("authorized_keys")});
  add(all, std::move(more));
  add(all, std::move(services));
  server_ = std::make_unique<program>(std::move(all), variables());
  const auto said = server_->line("listening ");
  const auto blank = said.find(' ');
  endpoint_ = said.substr(0, blank);
  fingerprint_ = said.substr(blank + 1);
  (void)server_->line("ready");
}

std::uint16_t site::port() const {
  return static_cast<std::uint16_t>(std::stoul(endpoint_.substr(endpoint_.rfind(':') + 1)));
}

words site::duplex(words arguments) const {
  words all{DUPLEX_BIN_DIR "/duplex"};
  add(all, std::move(arguments));
  return all;
}

words site::dial(const std::string& command, words arguments) const {
  auto all = duplex({command, "--identity", path("client"), "--host-key", fingerprint_});
  add(all, std::move(arguments));
  return all;
}

outcome site::open(words arguments, std::string_view input) const {
  arguments.insert(arguments.begin(), endpoint_);
  return run(dial("open", std::move(arguments)), input, variables());
}

outcome site::run_duplex(words arguments, std::string_view input) const {
  return run(duplex(std::move(arguments)), input, variables());
}

words site::ssh_as(const std::string& key, words options, words command) const {
  words all{"ssh", "-F", "none", "-i", path(key)};
  if (server_) add(all, {"-p", std::to_string(port())});
  for (const std::string option :
       {"IdentitiesOnly=yes", "IdentityAgent=none", "StrictHostKeyChecking=accept-new", "BatchMode=yes"})
    add(all, {"-o", option});
  add(all, {"-o", "UserKnownHostsFile=" + path("ssh_known_hosts")});
  add(all, std::move(options));
  all.emplace_back("user@127.0.0.1");
  add(all, std::move(command));
  return all;
}

outcome site::run_ssh(words options, words command, std::string_view input) const {
  return run(ssh(std::move(options), std::move(command)), input, variables());
}

std::string site::make_key(const std::string& name) const {
  REQUIRE(run_duplex({"keygen", "-f", path(name), "-C", name}).status == 0);
  return public_line(name);
}

std::string site::public_line(const std::string& key) const { return content(path(key + ".pub")); }

void site::admit(const std::string& lines) const {
  std::ofstream{path("authorized_keys.new")} << lines;
  std::filesystem::rename(path("authorized_keys.new"), path("authorized_keys"));
}

void site::restrict_client(const std::string& options) const { admit(options + ' ' + public_line("client")); }

listener::listener() {
  auto at = loopback(0);
  fd_ = listening(AF_INET, at);
  port_ = ntohs(at.sin_port);
}

listener::listener(const std::string& path) {
  auto at = local(path);
  fd_ = listening(AF_UNIX, at);
}

listener::~listener() { ::close(fd_); }

int listener::accept() const { return ready(fd_, POLLIN) ? ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC) : -1; }

bool can_listen(std::uint16_t port) {
  auto at = loopback(port);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool free = ::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
  ::close(fd);
  return free;
}

int connect_to(std::uint16_t port) { return connected(AF_INET, loopback(port)); }

int connect_to(const std::string& path) { return connected(AF_UNIX, local(path)); }

bool send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    if (!ready(fd, POLLOUT)) return false;
    const auto n = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::string receive(int fd, std::size_t size) {
  std::string text;
  char chunk[65536];
  while (text.size() < size && ready(fd, POLLIN)) {
    const auto n = ::recv(fd, chunk, std::min(sizeof chunk, size - text.size()), 0);
    if (n <= 0) break;
    text.append(chunk, static_cast<std::size_t>(n));
  }
  return text;
}

std::size_t memory_of(pid_t id) {
  std::ifstream file{"/proc/" + std::to_string(id) + "/statm"};
  std::size_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::string content(const std::string& path) {
  std::ifstream file{path};
  return std::string{std::istreambuf_iterator<char>{file}, {}};
}

mode_t mode(const std::string& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 ? about.st_mode & 07777 : 0;
}

std::string noise(std::size_t size) {
  std::mt19937 random{42};
  std::string text(size, '\0');
  for (auto& c : text) c = static_cast<char>(random());
  return text;
}

}  // namespace tools_tests
