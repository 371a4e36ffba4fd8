// SPDX-License-Identifier: BSD-2-Clause
// Clients that vanish in the middle of something: nothing of them may be left, and the others go on.
#include "tests/actors/raw_client.hpp"

#include <duplex/async.hpp>

using namespace duplex;
using namespace duplex::test;

namespace {

// A hub that tells when sessions end, and how many channels its service holds.
struct watched {
  watched() {
    auto settings = with_keys({.name = "hub", .max_startups = 4, .login_grace_time = 60s});
    settings.log = [this](const log_record& line) {
      if (line.topic == "session" && line.text.find(": ended: ") != std::string::npos) ended.add(line.text);
    };
    hub = rt.spawn_peer(settings);
    const auto at = hub.bind("tcp://127.0.0.1:0");
    if (!at) FAIL(at.error().message());
    where = at->str();
    REQUIRE(hub.serve("hold", [this](channel ch) -> asio::awaitable<void> {
      ++held;
      for (;;) {
        const auto data = co_await ch.async_read();
        if (!data) break;
      }
      --held;
    }));
    REQUIRE(hub.serve("echo", [](channel ch) -> asio::awaitable<void> {
      for (;;) {
        const auto data = co_await ch.async_read();
        if (!data) break;
        const auto written = co_await ch.async_write(*data);
        if (!written) break;
      }
    }));
  }
  // So many sessions have ended, and newcomers are served: none of them counts as a start-up any more.
  void check_over(std::size_t count) {
    CHECK(ended.wait_for(count).size() >= count);
    CHECK(eventually([&] { return held == 0; }));
    CHECK(eventually([&] {
      auto late = rt.spawn_peer(with_keys());
      if (!late.connect(where)) return false;
      auto ch = late.open("", "echo");
      return ch && ch->write("x") && ch->read();
    }));
  }

  seen<std::string> ended;
  std::atomic<int> held{0};
  runtime rt;
  peer hub;
  std::string where;
};

constexpr int rounds = 8;  // twice max_startups: what leaks shuts out those who follow

// The beginning of what an OpenSSH client says after its banner: the length and padding of a KEXINIT.
const std::string half_kexinit{"\0\0\5\xdc\7\x14", 6};

}  // namespace

TEST_CASE("disconnect: clients that vanish before or after the banner leave nothing", "[disconnect]") {
  watched w;
  const std::string said = GENERATE(as<std::string>{}, "", "SSH-2.0-", "SSH-2.0-OpenSSH_9.2\r\n");
  for (int i = 0; i < rounds; ++i) {
    raw_socket client{w.where};
    client.say(said);
  }
  w.check_over(1);
}

TEST_CASE("disconnect: clients that vanish within the key exchange leave nothing", "[disconnect]") {
  watched w;
  const bool random = GENERATE(false, true);
  for (int i = 0; i < rounds; ++i) {
    raw_socket client{w.where};
    client.say("SSH-2.0-OpenSSH_9.2\r\n");
    client.say(random ? half_kexinit + pattern(200) : half_kexinit);
  }
  w.check_over(1);
}

TEST_CASE("disconnect: clients that vanish before they authenticate leave nothing", "[disconnect]") {
  watched w;
  for (int i = 0; i < rounds; ++i) {
    const raw_client client{w.where, key::generate()};
    CHECK_FALSE(client.authenticated);
    client.cut();
  }
  w.check_over(rounds);
}

TEST_CASE("disconnect: clients that vanish once they are authenticated leave nothing", "[disconnect]") {
  watched w;
  for (int i = 0; i < rounds; ++i) {
    const raw_client client{w.where, test_key()};
    CHECK(client.authenticated);
    client.cut();
  }
  w.check_over(rounds);
}

TEST_CASE("disconnect: clients that vanish with open channels end those", "[disconnect]") {
  watched w;
  for (int i = 0; i < rounds; ++i) {
    raw_client client{w.where, test_key()};
    REQUIRE(client.authenticated);
    for (int n = 0; n < 3; ++n) CHECK(client.open("hold", "127.0.0.1")->opened);
    client.cut();
  }
  w.check_over(rounds);
}

TEST_CASE("disconnect: clients that vanish before an open is answered leave nothing", "[disconnect]") {
  watched w;
  for (int i = 0; i < rounds; ++i) {
    raw_client client{w.where, test_key()};
    REQUIRE(client.authenticated);
    ssh_set_blocking(client.raw(), 0);
    for (const auto* service : {"hold", "nothing", "hold"}) {
      ssh_channel ch = ssh_channel_new(client.raw());
      (void)ssh_channel_open_forward(ch, service, 1, "127.0.0.1", 1);
    }
    client.cut();
  }
  w.check_over(rounds);
}

TEST_CASE("disconnect: clients that vanish between a variable and its service leave nothing", "[disconnect]") {
  watched w;
  const bool asks = GENERATE(false, true);
  for (int i = 0; i < rounds; ++i) {
    raw_client client{w.where, test_key()};
    REQUIRE(client.authenticated);
    ssh_channel ch = ssh_channel_new(client.raw());
    REQUIRE(ssh_channel_open_session(ch) == SSH_OK);
    CHECK(ssh_channel_request_env(ch, "A", "1") == SSH_OK);
    if (asks) {
      ssh_set_blocking(client.raw(), 0);
      CHECK(ssh_channel_request_subsystem(ch, "hold") != SSH_ERROR);
    }
    client.cut();
  }
  w.check_over(rounds);
}

TEST_CASE("disconnect: a session channel that is closed before it names a service leaves room", "[disconnect]") {
  watched w;
  REQUIRE(w.hub.set_option("max_channels", "2"));
  raw_client client{w.where, test_key()};
  REQUIRE(client.authenticated);
  for (int i = 0; i < 10; ++i) {
    CHECK(eventually([&] {  // the server reaps the one before in its own time
      ssh_channel ch = ssh_channel_new(client.raw());
      const bool opened = ssh_channel_open_session(ch) == SSH_OK;
      if (opened && i % 2 == 0) (void)ssh_channel_request_env(ch, "A", "1");
      ssh_channel_free(ch);
      return opened;
    }));
  }
}

TEST_CASE("disconnect: a session channel takes one service; a second request is refused", "[disconnect]") {
  watched w;
  raw_client client{w.where, test_key()};
  REQUIRE(client.authenticated);
  ssh_channel ch = ssh_channel_new(client.raw());
  REQUIRE(ssh_channel_open_session(ch) == SSH_OK);
  CHECK(ssh_channel_request_subsystem(ch, "echo") == SSH_OK);
  CHECK(ssh_channel_request_exec(ch, "hold") == SSH_ERROR);
  CHECK(ssh_channel_request_env(ch, "LATE", "1") == SSH_ERROR);
  ssh_channel_write(ch, "x", 1);
  char c = 0;
  CHECK(ssh_channel_read_timeout(ch, &c, 1, 0, 10'000) == 1);
  CHECK(w.held == 0);
}

TEST_CASE("disconnect: data and the end that come before a service is named count for it", "[disconnect]") {
  watched w;
  raw_client client{w.where, test_key()};
  REQUIRE(client.authenticated);
  ssh_channel ch = ssh_channel_new(client.raw());
  REQUIRE(ssh_channel_open_session(ch) == SSH_OK);
  ssh_channel_write(ch, "early", 5);
  CHECK(ssh_channel_request_subsystem(ch, "echo") == SSH_OK);
  char text[5];
  CHECK(ssh_channel_read_timeout(ch, text, sizeof text, 0, 10'000) == 5);
  CHECK(std::string_view{text, 5} == "early");
}

TEST_CASE("disconnect: session channels that never name a service count against max_channels", "[disconnect]") {
  options few;
  few.max_channels = 3;
  pair p{few};
  raw_client client{p.where, test_key()};
  std::vector<std::unique_ptr<raw_client::channel>> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(client.open_session());
    CHECK(all.back()->opened);
  }
  CHECK_FALSE(client.open_session()->opened);
}
