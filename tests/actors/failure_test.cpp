// SPDX-License-Identifier: BSD-2-Clause
// Bad input and failure, from both sides.
#include "tests/actors/raw_client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>

using namespace duplex;
using namespace duplex::test;

namespace {

// A TCP server that gives each connection the same answer and then keeps it.
class raw_server {
 public:
  explicit raw_server(std::string answer)
      : answer_(std::move(answer)), acceptor_(io_, {asio::ip::address_v4::loopback(), 0}) {
    serve();
    thread_ = std::thread{[this] { io_.run(); }};
  }
  ~raw_server() {
    io_.stop();
    thread_.join();
  }
  [[nodiscard]] std::string where() { return endpoint::tcp("127.0.0.1", acceptor_.local_endpoint().port()).str(); }

 private:
  void serve() {
    acceptor_.async_accept([this](const boost::system::error_code& failed, asio::ip::tcp::socket socket) {
      if (failed) return;
      boost::system::error_code ignored;
      asio::write(socket, asio::buffer(answer_), ignored);
      kept_.push_back(std::move(socket));
      serve();
    });
  }
  std::string answer_;
  asio::io_context io_;
  asio::ip::tcp::acceptor acceptor_;
  std::vector<asio::ip::tcp::socket> kept_;
  std::thread thread_;
};

std::string record(const std::string& headers = {}) { return "duplex/1;id=1;;" + headers; }

}  // namespace

TEST_CASE("failure: a wrong key is refused on both sides with the line that would admit it", "[failure]") {
  seen<std::string> log;
  runtime rt;
  auto settings = with_keys({.name = "hub"});
  settings.log = [&](const log_record& line) { log.add(line.text); };
  auto hub = rt.spawn_peer(settings);
  const auto at = hub.bind("tcp://127.0.0.1:0");
  REQUIRE(at);
  const auto stranger = key::generate();
  auto me = rt.spawn_peer({.identity = stranger.text(), .host_key = test_key().fingerprint()});
  const auto why = me.connect(at->str()).error();
  CHECK(why.code() == errc::auth_failed);
  CHECK(why.context().find(stranger.public_line()) != std::string::npos);
  CHECK(eventually([&] {
    for (const auto& line : log.wait_for(1))
      if (line.find("key refused") != std::string::npos && line.find(stranger.fingerprint()) != std::string::npos)
        return true;
    return false;
  }));
  CHECK(me.peers()->empty());
}

TEST_CASE("failure: a wrong host key is refused before any key is offered", "[failure]") {
  runtime rt;
  auto hub = rt.spawn_peer(with_keys({.name = "hub"}));
  const auto at = hub.bind("tcp://127.0.0.1:0");
  REQUIRE(at);
  auto settings = with_keys();
  settings.host_key = key::generate().fingerprint();
  auto me = rt.spawn_peer(settings);
  const auto why = me.connect(at->str()).error();
  CHECK(why.code() == errc::host_key);
  CHECK(why.context().find(test_key().fingerprint()) != std::string::npos);
}

TEST_CASE("failure: a peer whose identity cannot be read says so with every operation", "[failure]") {
  runtime rt;
  auto lost = rt.spawn_peer({.identity = "/nowhere/key"});
  CHECK(lost.bind("tcp://127.0.0.1:0").error().code() == errc::key_file);
  CHECK(lost.connect("tcp://127.0.0.1:1").error().code() == errc::key_file);
  CHECK(lost.open("", "s").error().code() == errc::key_file);
  auto wrong = rt.spawn_peer({.max_frame = 0});
  CHECK(wrong.serve("s").error().code() == errc::invalid_argument);
}

TEST_CASE("failure: garbage before the banner ends that connection only", "[failure]") {
  pair p;
  const raw_socket garbage{p.where};
  for (int i = 0; i < 100; ++i) garbage.say("\x16\x03\x01 this is no SSH \r\n\r\n");
  bool closed = false;
  (void)garbage.hear(closed);
  CHECK(closed);
  CHECK(p.me.ping("hub"));
}

TEST_CASE("failure: a server that talks garbage fails the connect", "[failure]") {
  runtime rt;
  raw_server garbage{"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<html></html>\r\n"};
  auto me = rt.spawn_peer(with_keys({.connect_timeout = 500ms}));
  const auto why = me.connect(garbage.where()).error();
  CHECK((why.code() == errc::connection_failed || why.code() == errc::timed_out));
}

TEST_CASE("failure: a connection that says nothing is closed after login_grace_time", "[failure]") {
  pair p{options{.login_grace_time = 300ms}};
  const raw_socket silent{p.where};
  bool closed = false;
  (void)silent.hear(closed);
  CHECK(closed);
  CHECK(p.me.ping("hub"));
}

TEST_CASE("failure: a server that says nothing fails the connect after connect_timeout", "[failure]") {
  runtime rt;
  raw_server silent{""};
  auto me = rt.spawn_peer(with_keys({.connect_timeout = 300ms}));
  CHECK(me.connect(silent.where()).error().code() == errc::timed_out);
}

TEST_CASE("failure: connections above max_startups are closed at once, later ones are not", "[failure]") {
  pair p{options{.max_startups = 2}};
  auto first = std::make_unique<raw_socket>(p.where), second = std::make_unique<raw_socket>(p.where);
  bool closed = false;
  CHECK(eventually([&] {  // the first two are accepted in their own time
    const raw_socket third{p.where};
    return third.hear(closed).empty() && closed;
  }));
  first.reset();
  second.reset();
  CHECK(eventually([&] {
    auto late = p.rt.spawn_peer(with_keys());
    return late.connect(p.where).has_value();
  }));
}

TEST_CASE("failure: a port in use, a port that nobody serves, endpoints with typos", "[failure]") {
  pair p;
  CHECK(p.me.bind(p.where).error().code() == errc::address_in_use);
  const auto taken = p.hub.bind(p.where).error();
  CHECK((taken.code() == errc::already_exists || taken.code() == errc::address_in_use));
  std::string free_port;
  {
    raw_server gone{""};
    free_port = gone.where();
  }
  CHECK(p.me.connect(free_port).error().code() == errc::connection_failed);
  for (const auto* typo : {"tcp:/127.0.0.1:1", "tcp://127.0.0.1", "tcp://:1", "127.0.0.1:1", "tcp://h:99999"}) {
    const auto why = p.me.connect(typo).error();
    CHECK(why.code() == errc::invalid_argument);
    CHECK(why.context().find("tcp://host:port") != std::string::npos);
  }
  CHECK(p.me.bind("exec:x").error().code() == errc::invalid_argument);
  CHECK(p.me.disconnect("tcp://127.0.0.1:9").error().code() == errc::not_found);
}

TEST_CASE("failure: a connect under way is answered when its peer shuts down", "[failure]") {
  asio::io_context io;
  asio::ip::tcp::acceptor silent{io, {asio::ip::make_address("127.0.0.1"), 0}};
  runtime rt;
  auto me = rt.spawn_peer(with_keys());
  auto up = me.async_connect("tcp://127.0.0.1:" + std::to_string(silent.local_endpoint().port()), asio::use_future);
  REQUIRE(me.shutdown());
  REQUIRE(up.wait_for(patience) == std::future_status::ready);
  CHECK(up.get().error().code() == errc::closed);
}

TEST_CASE("failure: an unknown service is refused with its name, and no channel is left", "[failure]") {
  pair p;
  for (int i = 0; i < 3; ++i) {
    const auto why = p.me.open("hub", "nothing").error();
    CHECK(why.code() == errc::unknown_service);
    CHECK(why.context().find("'nothing'") != std::string::npos);
  }
  CHECK(p.me.open("hub", "@duplex").error().code() != errc::none);
  CHECK(p.me.open("hub", "@secret").error().code() == errc::auth_failed);
  CHECK(p.me.open("hub", "no good name").error().code() == errc::invalid_argument);
  CHECK(p.me.open("nobody", "s").error().code() == errc::not_connected);
}

TEST_CASE("failure: 64 opens at once, half of them refused, each get their own answer", "[failure]") {
  pair p;
  REQUIRE(p.hub.serve("yes", [](channel ch) -> asio::awaitable<void> {
    while (auto f = co_await ch.async_read_frame()) (void)co_await ch.async_write_frame(*f);
  }));
  std::vector<std::future<result<channel>>> opens;
  for (int i = 0; i < 64; ++i) opens.push_back(p.me.async_open("hub", i % 2 == 0 ? "yes" : "no", asio::use_future));
  for (int i = 0; i < 64; ++i) {
    REQUIRE(opens[static_cast<std::size_t>(i)].wait_for(patience) == std::future_status::ready);
    auto opened = opens[static_cast<std::size_t>(i)].get();
    CHECK(opened.has_value() == (i % 2 == 0));
    if (!opened) {
      CHECK(opened.error().code() == errc::unknown_service);
      continue;
    }
    REQUIRE(opened->write_frame(std::to_string(i)));
    CHECK(opened->read_frame()->view() == std::to_string(i));
  }
}

TEST_CASE("failure: open, answer and close in one packet lose nothing", "[failure]") {
  pair p;
  REQUIRE(p.hub.serve("quick", [](channel ch) {
    (void)ch.write_frame("answer");
    (void)ch.write_trailers({"status=0", "done=yes"});
    (void)ch.close();
  }));
  for (int i = 0; i < 200; ++i) {
    auto ch = p.me.open("hub", "quick");
    if (!ch) FAIL(ch.error().message());
    auto answer = ch->read_frame();
    if (!answer) FAIL(answer.error().message());
    CHECK(answer->view() == "answer");
    CHECK(ch->read_frame().error().code() == errc::end_of_stream);
    CHECK(ch->trailers()->at(1) == "done=yes");
  }
}

TEST_CASE("failure: malformed and oversized open records are refused in trailers, the session lives", "[failure]") {
  pair p;
  REQUIRE(p.hub.serve("s"));
  raw_client client{p.where, test_key()};
  REQUIRE(client.authenticated);
  for (const std::string bad : {"duplex/1;", "duplex/1;id=x;;", "duplex/2;id=1;;", "duplex/1;id=1;",
                                "duplex/1;id=1;;a%zz;", "duplex/1;id=1;;open end"}) {
    auto ch = client.open("s", bad);
    CHECK(ch->last_signal().starts_with("trailers@duplex status=" + std::to_string(static_cast<int>(errc::malformed))));
  }
  auto large = client.open("s", record(std::string(40'000, 'h') + ';'));
  CHECK(large->last_signal().find("max_open_record") != std::string::npos);
  CHECK(client.open("s", record())->opened);
}

TEST_CASE("failure: a stock client gets OPEN_FAILURE for what is not served, and bytes for what is", "[failure]") {
  pair p;
  REQUIRE(p.hub.serve("echo", [](channel ch) -> asio::awaitable<void> {
    while (auto data = co_await ch.async_read()) (void)co_await ch.async_write(*data);
  }));
  raw_client client{p.where, test_key()};
  REQUIRE(client.authenticated);
  CHECK_FALSE(client.open("nothing", "127.0.0.1")->opened);
  CHECK_FALSE(client.open("@duplex", "127.0.0.1")->opened);
  CHECK_FALSE(client.open("127.0.0.1", "127.0.0.1")->opened);
  auto ch = client.open("echo", "127.0.0.1");
  REQUIRE(ch->opened);
  ssh_channel_write(ch->raw, "stock", 5);
  char buffer[16];
  CHECK(ssh_channel_read_timeout(ch->raw, buffer, sizeof buffer, 0, 10'000) == 5);
}

TEST_CASE("failure: a second control channel, or garbage on it, ends nothing but that client", "[failure]") {
  pair p;
  {
    raw_client client{p.where, test_key()};
    REQUIRE(client.authenticated);
    auto control = client.open("@duplex", record("instance=1;"));
    REQUIRE(control->opened);
    CHECK_FALSE(client.open("@duplex", record("instance=1;"))->opened);
    ssh_channel_write(control->raw, "\xff\xff\xff\xff garbage", 12);
    char buffer[16];
    while (ssh_channel_read_timeout(control->raw, buffer, sizeof buffer, 0, 10'000) > 0) {
    }
    CHECK(ssh_channel_is_open(control->raw) == 0);
  }
  CHECK(p.me.ping("hub"));
}

TEST_CASE("failure: another key that claims a name in use is refused, with the holder's key and address", "[failure]") {
  runtime rt;
  const auto other = key::generate();
  auto settings = with_keys({.name = "hub"});
  settings.authorized_keys += '\n' + other.public_line();
  auto hub = rt.spawn_peer(settings);
  const auto at = hub.bind("tcp://127.0.0.1:0");
  REQUIRE(at);
  auto holder = rt.spawn_peer(with_keys({.name = "worker"}));
  REQUIRE(holder.connect(at->str()));
  auto thief = rt.spawn_peer({.name = "worker", .identity = other.text(), .host_key = test_key().fingerprint()});
  const auto why = thief.connect(at->str()).error();
  CHECK(why.code() == errc::already_exists);
  CHECK(why.context().find(test_key().fingerprint()) != std::string::npos);
  CHECK(holder.ping("hub"));
}

TEST_CASE("failure: operations of both sides end with a reason when the connection breaks", "[failure]") {
  auto p = std::make_unique<pair>();
  auto [near, far] = p->open();
  auto reading = near.async_read_frame(asio::use_future);
  auto also = far.async_read_frame(asio::use_future);
  REQUIRE(p->hub.drop("me", "enough of you"));
  REQUIRE(reading.wait_for(patience) == std::future_status::ready);
  REQUIRE(also.wait_for(patience) == std::future_status::ready);
  const auto why = reading.get().error();
  CHECK(why.context().find("enough of you") != std::string::npos);
  CHECK_FALSE(also.get());
}

TEST_CASE("failure: a dropped peer comes back by itself", "[failure]") {
  pair p{options{.reconnect_delay = 10ms}};
  REQUIRE(p.hub.serve("s"));
  for (int i = 0; i < 5; ++i) {
    REQUIRE(p.hub.drop("me", "again"));
    CHECK(eventually([&] { return p.me.open("hub", "s").has_value(); }));
    CHECK(eventually([&] { return p.hub.open("me", "nothing").error().code() == errc::unknown_service; }));
  }
}

TEST_CASE("failure: every attempt at an address reaches the system, not only each second one", "[failure]") {
  asio::io_context io;
  asio::ip::tcp::acceptor nobody{io, asio::ip::tcp::v4()};  // holds the port, and does not listen
  nobody.bind({asio::ip::address_v4::loopback(), 0});
  seen<std::string> log;
  auto settings = with_keys({.name = "me", .reconnect_delay = 1ms, .reconnect_delay_max = 2ms});
  settings.log = [&](const log_record& line) {
    if (line.severity == log_record::level::warning) log.add(line.text);
  };
  runtime rt;
  auto me = rt.spawn_peer(settings);
  const auto where = "tcp://127.0.0.1:" + std::to_string(nobody.local_endpoint().port());
  CHECK(me.connect(where).error().code() == errc::connection_failed);
  const auto attempts = log.wait_for(4);
  CHECK(attempts.size() >= 4);
  for (const auto& attempt : attempts) CHECK(attempt.find("Connection refused") != std::string::npos);
}
