// SPDX-License-Identifier: BSD-2-Clause
// Clients that go away in each phase of a session: the server lives on, and nothing of them is left.
#include "tests/actors/raw_client.hpp"
#include "tests/actors/support.hpp"

using namespace duplex;
using namespace duplex::test;

namespace {

// Counts what the log tells of sessions.
struct watched_hub {
  watched_hub() {
    options settings{.name = "hub"};
    settings.log = [this](const log_record& line) {
      if (line.topic == "session" && line.text.find(": ended: ") != std::string::npos) ++ended;
    };
    hub = rt.spawn_peer(with_keys(settings));
    where = hub.bind("tcp://127.0.0.1:0")->str();
    REQUIRE(hub.serve("echo", [](channel ch) -> asio::awaitable<void> {
      while (auto data = co_await ch.async_read()) (void)co_await ch.async_write(*data);
    }));
  }
  // So many sessions have come and gone, and the next client is served as ever.
  void lives_on_after(int sessions) {
    CHECK(eventually([&] { return ended == sessions; }));
    auto me = rt.spawn_peer(with_keys({.name = "me"}));
    REQUIRE(me.connect(where));
    auto ch = me.open("hub", "echo");
    REQUIRE(ch);
    REQUIRE(ch->write("alive"));
    CHECK(ch->read()->view() == "alive");
    REQUIRE(me.shutdown());
    CHECK(eventually([&] { return hub.peers()->empty(); }));
  }

  std::atomic<int> ended{0};
  runtime rt;
  peer hub;
  std::string where;
};

}  // namespace

TEST_CASE("phases: gone before, within and after the banner", "[phases]") {
  watched_hub h;
  for (const std::string said : {"", "SSH-2.0-half", "SSH-2.0-whole\r\n", "GET / HTTP/1.1\r\n\r\n"}) {
    raw_socket socket{h.where};
    socket.say(said);
  }
  h.lives_on_after(4);
}

TEST_CASE("phases: gone within the key exchange", "[phases]") {
  watched_hub h;
  {
    raw_socket socket{h.where};
    // A KEXINIT that announces more than it sends (RFC 4253 section 7.1).
    socket.say(std::string{"SSH-2.0-x\r\n"} + std::string{"\x00\x00\x01\x00\x04\x14", 6} + std::string(40, 'x'));
  }
  h.lives_on_after(1);
}

TEST_CASE("phases: gone after a key that is not on the list", "[phases]") {
  watched_hub h;
  { CHECK_FALSE(raw_client(h.where, key::generate()).authenticated); }
  h.lives_on_after(1);
}

TEST_CASE("phases: gone right after authentication, and after @duplex without a hello", "[phases]") {
  watched_hub h;
  { CHECK(raw_client(h.where, test_key()).authenticated); }
  {
    raw_client client{h.where, test_key()};
    CHECK(client.open("@duplex", "duplex/1;id=0;;")->opened);
  }
  h.lives_on_after(2);
}

TEST_CASE("phases: gone with channels open, in the middle of data", "[phases]") {
  watched_hub h;
  {
    raw_client client{h.where, test_key()};
    const auto one = client.open("echo", "192.0.2.1"), two = client.open("echo", "192.0.2.1");
    CHECK((one->opened && two->opened));
    const std::string data(100'000, 'x');
    ssh_channel_write(one->raw, data.data(), static_cast<std::uint32_t>(data.size()));
  }
  h.lives_on_after(1);
}

TEST_CASE("phases: gone with a session channel that never named its service", "[phases]") {
  watched_hub h;
  {
    raw_client client{h.where, test_key()};
    const auto channel = client.open_session();
    REQUIRE(channel->opened);
    CHECK(ssh_channel_request_env(channel->raw, "colour", "green") == SSH_OK);
  }
  h.lives_on_after(1);
}

TEST_CASE("phases: a session channel closed before it named its service leaves the others alone", "[phases]") {
  watched_hub h;
  raw_client client{h.where, test_key()};
  for (int i = 0; i < 3; ++i) {
    const auto channel = client.open_session();
    REQUIRE(channel->opened);
    CHECK(ssh_channel_close(channel->raw) == SSH_OK);
  }
  const auto echo = client.open_session();
  REQUIRE(echo->opened);
  REQUIRE(ssh_channel_request_subsystem(echo->raw, "echo") == SSH_OK);
  ssh_channel_write(echo->raw, "hi", 2);
  char buffer[8];
  CHECK(ssh_channel_read_timeout(echo->raw, buffer, 2, 0, 20'000) == 2);
}

TEST_CASE("phases: session channels that never name a service count against max_channels", "[phases]") {
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

TEST_CASE("phases: variables over the limit of an open record refuse the service, with the reason", "[phases]") {
  watched_hub h;
  raw_client client{h.where, test_key()};
  const auto channel = client.open_session();
  REQUIRE(channel->opened);
  const std::string value(20'000, 'x');
  CHECK(ssh_channel_request_env(channel->raw, "one", value.c_str()) == SSH_OK);
  CHECK(ssh_channel_request_env(channel->raw, "two", value.c_str()) == SSH_ERROR);
  REQUIRE(ssh_channel_request_subsystem(channel->raw, "echo") == SSH_OK);
  char text[512] = {};
  CHECK(ssh_channel_read_timeout(channel->raw, text, sizeof text - 1, 1, 20'000) > 0);
  CHECK_THAT(text, Catch::Contains("at its limit") && Catch::Contains("32768") && Catch::Contains("max_open_record"));
  while (ssh_channel_read_timeout(channel->raw, text, sizeof text, 0, 20'000) > 0) {
  }
  CHECK(ssh_channel_get_exit_status(channel->raw) == 255);
}
