// SPDX-License-Identifier: BSD-2-Clause
// Dialling with an ssh-agent that misbehaves; tests/tools has the one of OpenSSH.
#include "tests/actors/support.hpp"
#include "tests/transport/folder.hpp"
#include "transport/unique_fd.hpp"

#include <boost/asio/use_future.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <future>
#include <optional>

using namespace duplex;
using namespace duplex::test;
using transport::unique_fd;

namespace {

/// A socket where an agent would listen. Whoever connects finds nobody until `accept`.
class silent_agent {
 public:
  explicit silent_agent(std::string path)
      : path_(std::move(path)), fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::strncpy(at.sun_path, path_.c_str(), sizeof at.sun_path - 1);
    REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(::listen(fd_.get(), 8) == 0);
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// Waits for a client and its question.
  [[nodiscard]] unique_fd accept() const {
    constexpr int all = static_cast<int>(std::chrono::milliseconds{patience}.count());
    pollfd waits{fd_.get(), POLLIN, 0};
    REQUIRE(::poll(&waits, 1, all) == 1);
    unique_fd client{::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    waits.fd = client.get();
    REQUIRE(::poll(&waits, 1, all) == 1);
    return client;
  }

 private:
  std::string path_;
  unique_fd fd_;
};

options with_agent(const std::string& at, std::chrono::milliseconds limit) {
  return with_keys({.identity_agent = at, .connect_timeout = limit});
}

}  // namespace

TEST_CASE("agent: one that never answers costs connect_timeout, and no other session of its worker", "[agent]") {
  const transport_tests::folder here;
  const silent_agent agent{here.path("agent")};
  pair p{options{}, 1};
  auto third = p.rt.spawn_peer(with_agent(agent.path(), 500ms));
  auto connecting = third.async_connect(p.where, asio::use_future);
  const auto client = agent.accept();
  int pings = 0;
  while (connecting.wait_for(0ms) != std::future_status::ready) {
    REQUIRE(p.me.ping("hub"));
    ++pings;
  }
  CHECK(pings > 10);
  const auto why = connecting.get().error();
  CHECK(why.code() == errc::timed_out);
  CHECK_THAT(why.context(), Catch::Contains("ssh-agent at '" + agent.path() + "' has not answered"));
}

TEST_CASE("agent: one that never answers holds up no shutdown and no disconnect", "[agent]") {
  const transport_tests::folder here;
  const silent_agent agent{here.path("agent")};
  const auto end = GENERATE("shutdown of the peer", "disconnect", "end of the runtime");
  INFO(end);
  const auto start = std::chrono::steady_clock::now();
  std::future<result<peer_info>> connecting;
  unique_fd client;
  {
    pair p{options{}, 1};
    auto third = p.rt.spawn_peer(with_agent(agent.path(), 1h));
    connecting = third.async_connect(p.where, asio::use_future);
    client = agent.accept();
    if (end == std::string_view{"disconnect"}) CHECK(third.disconnect(p.where));
    if (end == std::string_view{"shutdown of the peer"}) CHECK(third.shutdown());
  }
  REQUIRE(connecting.wait_for(patience) == std::future_status::ready);
  CHECK_FALSE(connecting.get());
  CHECK(std::chrono::steady_clock::now() - start < patience);
}

TEST_CASE("agent: one without keys, or that hangs up, leaves it to the identity's own key", "[agent]") {
  const transport_tests::folder here;
  const silent_agent agent{here.path("agent")};
  const std::string answer = GENERATE(std::string("\0\0\0\5\14\0\0\0\0", 9), std::string{});
  pair p{options{}, 1};
  auto third = p.rt.spawn_peer(with_agent(agent.path(), patience));
  auto connecting = third.async_connect(p.where, asio::use_future);
  {
    const auto client = agent.accept();
    (void)!::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    if (!answer.empty()) REQUIRE(connecting.wait_for(patience) == std::future_status::ready);
  }
  REQUIRE(connecting.wait_for(patience) == std::future_status::ready);
  const auto up = connecting.get();
  if (!up) FAIL(up.error().message());
  CHECK(third.ping());
}

TEST_CASE("agent: when all keys are refused the error names both the agent and the identity", "[agent]") {
  const transport_tests::folder here;
  const silent_agent agent{here.path("agent")};
  pair p{options{}, 1};
  const auto stranger = key::generate();
  auto settings = with_agent(agent.path(), patience);
  settings.identity = stranger.text();
  auto third = p.rt.spawn_peer(settings);
  auto connecting = third.async_connect(p.where, asio::use_future);
  (void)agent.accept();  // and hangs up
  REQUIRE(connecting.wait_for(patience) == std::future_status::ready);
  const auto why = connecting.get().error();
  CHECK(why.code() == errc::auth_failed);
  CHECK_THAT(why.context(), Catch::Contains("the key " + stranger.fingerprint()) &&
                                Catch::Contains("no key of the ssh-agent at '" + agent.path() + "' was accepted"));
}

TEST_CASE("agent: none in the variable, or nobody at its path, is said", "[agent]") {
  const transport_tests::folder here;
  const transport_tests::variable unset{"SSH_AUTH_SOCK", ""};
  pair p;
  const auto unnamed = p.rt.spawn_peer(with_agent("SSH_AUTH_SOCK", patience)).connect(p.where).error();
  CHECK(unnamed.code() == errc::auth_failed);
  CHECK_THAT(unnamed.context(), Catch::Contains("SSH_AUTH_SOCK is not set"));
  for (const auto& path : {here.path("none"), here.write("file", ""), std::string(200, 'x')}) {
    const auto nobody = p.rt.spawn_peer(with_agent(path, patience)).connect(p.where).error();
    CHECK(nobody.code() == errc::io);
    CHECK_THAT(nobody.context(), Catch::Contains("ssh-agent at '" + path + "': "));
  }
}

TEST_CASE("agent: a key whose private half only an agent has cannot be a host's", "[agent]") {
  const transport_tests::folder here;
  REQUIRE(test_key().save(here.path("id")));
  runtime rt;
  auto me = rt.spawn_peer({.identity = here.path("id.pub"), .identity_agent = here.path("none")});
  const auto why = me.bind("tcp://127.0.0.1:0").error();
  CHECK(why.code() == errc::key_file);
  CHECK_THAT(why.context(), Catch::Contains(test_key().fingerprint()));
}

TEST_CASE("peer: an encrypted identity asks for its passphrase on the thread that makes the peer", "[agent]") {
  const transport_tests::folder here;
  const auto file = here.path("id");
  REQUIRE(std::system(("ssh-keygen -q -t ed25519 -N secret -a 1 -f " + file).c_str()) == 0);
  runtime rt;
  const auto caller = std::this_thread::get_id();
  int asked = 0;
  options settings{.identity = file};
  settings.passphrase = [&](const std::string& about) -> std::optional<std::string> {
    CHECK(about == file);
    CHECK(std::this_thread::get_id() == caller);
    return ++asked == 2 ? "secret" : "wrong";
  };
  CHECK(rt.spawn_peer(settings).bind("tcp://127.0.0.1:0"));
  CHECK(asked == 2);
  const auto wrong = rt.spawn_peer(settings).bind("tcp://127.0.0.1:0").error();  // from here on it is always wrong
  CHECK(wrong.code() == errc::key_file);
  CHECK_THAT(wrong.context(), Catch::Contains("another passphrase"));
  CHECK(asked == 5);
  const auto unasked = rt.spawn_peer({.identity = file}).bind("tcp://127.0.0.1:0").error();
  CHECK(unasked.code() == errc::key_file);
  CHECK_THAT(unasked.context(), Catch::Contains("give its passphrase (options::passphrase)") &&
                                    Catch::Contains("ssh-add " + file) && Catch::Contains("identity_agent"));
}
