// SPDX-License-Identifier: BSD-2-Clause
// What a service of the library's sees of the real ssh, and ssh of it.
#include "tests/actors/raw_client.hpp"
#include "tests/actors/support.hpp"
#include "tests/tools/program.hpp"
#include "tests/transport/folder.hpp"

#include <duplex/async.hpp>

#include <sys/stat.h>

using namespace duplex;
using namespace duplex::test;
using Catch::Contains;
using Catch::EndsWith;
using tools_tests::outcome;
using tools_tests::words;

namespace {

// A hub of the library's, and ssh with a key that it knows.
struct stock {
  explicit stock(options settings = {}) {
    settings.name = "hub";
    settings = with_keys(settings);
    settings.authorized_keys += " a comment";
    hub = rt.spawn_peer(settings);
    const auto at = hub.bind("tcp://127.0.0.1:0");
    if (!at) FAIL(at.error().message());
    where = *at;
    ::chmod(files.write("key", test_key().text()).c_str(), 0600);
  }
  // What precedes the host, what follows it, and stdin.
  [[nodiscard]] outcome ssh(const words& before, const words& after, std::string_view input = {}) const {
    words all{"ssh", "-F", "none", "-i", files.path("key"), "-p", std::to_string(where.number())};
    for (const auto* option : {"IdentitiesOnly=yes", "IdentityAgent=none", "StrictHostKeyChecking=no", "LogLevel=ERROR",
                               "BatchMode=yes", "UserKnownHostsFile=/dev/null"})
      all.insert(all.end(), {"-o", option});
    all.insert(all.end(), before.begin(), before.end());
    all.emplace_back("somebody@127.0.0.1");
    all.insert(all.end(), after.begin(), after.end());
    return tools_tests::run(all, input);
  }
  // Ends each channel with these trailers.
  void serve_trailers(const std::vector<std::string>& list) {
    REQUIRE(hub.serve("s", [list](channel ch) -> asio::awaitable<void> {
      co_await ch.async_write_trailers(list);
      co_await ch.async_close();
    }));
  }

  transport_tests::folder files;
  runtime rt;
  peer hub;
  endpoint where = endpoint::tcp("127.0.0.1", 0);
};

asio::awaitable<void> show_headers(channel ch) {
  const auto about = co_await ch.async_meta();
  for (const auto& header : about->headers) co_await ch.async_write_frame(header);
  co_await ch.async_close();
}

}  // namespace

TEST_CASE("stock: variables are headers in their order under their own names", "[stock]") {
  stock s;
  REQUIRE(s.hub.serve("show", show_headers));
  const auto got = s.ssh({"-o", "SetEnv=Z=1 lower=two \"A=with blanks; and %=\" Z2=3 EMPTY="}, {"-s", "show"});
  CHECK(got.status == 0);
  CHECK(got.out == "Z=1\nlower=two\nA=with blanks; and %=\nZ2=3\nEMPTY=\n");
}

TEST_CASE("stock: what ssh says of its terminal is no header", "[stock]") {
  stock s;
  REQUIRE(s.hub.serve("show", show_headers));
  const auto got = s.ssh({"-o", "SetEnv=LANG=C LC_ALL=C LC_TIME=x TERM=x COLORTERM=x LANGUAGE=kept LC=kept"}, {"show"});
  CHECK(got.out == "LANGUAGE=kept\nLC=kept\n");
}

TEST_CASE("stock: what follows a command's first word is the header args, as it was written", "[stock]") {
  stock s;
  REQUIRE(s.hub.serve("show", show_headers));
  CHECK(s.ssh({}, {"show"}).out.empty());
  CHECK(s.ssh({}, {"show "}).out.empty());
  CHECK(s.ssh({}, {"show a  'b c'   \"d\" $HOME \\x "}).out == "args=a  'b c'   \"d\" $HOME \\x \n");
  CHECK(s.ssh({"-o", "SetEnv=A=1"}, {"show", "x=y", "z"}).out == "A=1\nargs=x=y z\n");
}

TEST_CASE("stock: variables and arguments over max_open_record are refused with the option's name", "[stock]") {
  stock s{{.max_open_record = 100}};
  REQUIRE(s.hub.serve("show", show_headers));
  const std::string fits(90, 'x'), large(101, 'x');
  CHECK(s.ssh({}, {"show", fits}).out == "args=" + fits + '\n');
  for (const auto& got : {s.ssh({}, {"show", large}), s.ssh({"-o", "SetEnv=A=" + large}, {"show"})}) {
    CHECK(got.status == 255);
    CHECK_THAT(got.err, Contains("duplex: ") && Contains("over the limit of 100 (option max_open_record)"));
  }
}

TEST_CASE("stock: the status of the trailers is ssh's exit status", "[stock]") {
  stock s;
  const auto [said, expected] = GENERATE(table<std::string, int>({{"0", 0},
                                                                  {"1", 1},
                                                                  {"254", 254},
                                                                  {"255", 254},
                                                                  {"256", 254},
                                                                  {"4294967295", 254},
                                                                  {"nonsense", 1},
                                                                  {"99999999999", 1}}));
  s.serve_trailers({"status=" + said});
  CHECK(s.ssh({}, {"s"}).status == expected);
}

TEST_CASE("stock: a service without trailers ends ssh with 0, one that fails with its reason", "[stock]") {
  stock s;
  REQUIRE(s.hub.serve("quiet", [](channel ch) { (void)ch.close(); }));
  s.serve_trailers({"status=3", "reason=no more"});
  CHECK(s.ssh({}, {"quiet"}).status == 0);
  const auto got = s.ssh({}, {"s"});
  CHECK(got.status == 3);
  CHECK(got.err == "duplex: no more\n");
}

TEST_CASE("stock: error frames are lines on stderr, in their order", "[stock]") {
  stock s;
  REQUIRE(s.hub.serve("s", [](channel ch) -> asio::awaitable<void> {
    for (const std::string_view text : {"one", "", "three"}) {
      co_await ch.async_write_error(text);
      co_await ch.async_write_frame(text);
    }
    co_await ch.async_close();
  }));
  const auto got = s.ssh({"-s"}, {"s"});
  CHECK(got.err == "one\n\nthree\n");
  CHECK(got.out == "one\n\nthree\n");
}

TEST_CASE("stock: a service reads lines as frames, the last one without its newline too", "[stock]") {
  stock s;
  REQUIRE(s.hub.serve("s"));
  seen<std::string> lines;
  auto accepting = s.hub.async_accept("s", asio::use_future);
  std::thread client{[&] { (void)s.ssh({"-s"}, {"s"}, "one\n\nthree"); }};
  auto ch = accepting.get();
  REQUIRE(ch);
  for (const auto* expected : {"one", "", "three"}) {
    auto frame = ch->read_frame();
    REQUIRE(frame);
    CHECK(frame->view() == expected);
  }
  CHECK(ch->read_frame().error().code() == errc::end_of_stream);
  (void)ch->close();
  client.join();
}

TEST_CASE("stock: a service that reads raw gets newlines as they came", "[stock]") {
  stock s;
  REQUIRE(s.hub.serve("s", [](channel ch) -> asio::awaitable<void> {
    for (;;) {
      const auto data = co_await ch.async_read();
      if (!data) break;
      const auto written = co_await ch.async_write(*data);
      if (!written) break;
    }
    co_await ch.async_close();
  }));
  const std::string text = "a\n\nb\r\nno end";
  CHECK(s.ssh({"-s"}, {"s"}, text).out == text);
}

TEST_CASE("stock: meta tells a service who the stock caller is, and how it came", "[stock]") {
  stock s;
  seen<meta> calls;
  REQUIRE(s.hub.serve("s", [&](channel ch) -> asio::awaitable<void> {
    const auto about = co_await ch.async_meta();
    calls.add(*about);
    co_await ch.async_close();
  }));
  const bool forwarded = GENERATE(false, true);
  (void)s.ssh(forwarded ? words{"-W", "s:1"} : words{"-s"}, forwarded ? words{} : words{"s"});
  const auto list = calls.wait_for(1);
  REQUIRE(list.size() == 1);
  const auto& m = list[0];
  CHECK(m.service == "s");
  CHECK(m.stock);
  CHECK(m.remote_key == test_key().fingerprint());
  CHECK_THAT(m.key_comment, EndsWith("a comment"));
  CHECK(m.user == "somebody");
  CHECK(m.remote_peer.empty());
  CHECK(m.local_peer == "hub");
  CHECK_THAT(m.remote_address, Catch::StartsWith("tcp://127.0.0.1:"));
  CHECK(m.originator.empty() == !forwarded);
  CHECK_FALSE(m.process);
}

TEST_CASE("stock: meta tells a service who the native caller is", "[stock]") {
  stock s;
  REQUIRE(s.hub.serve("s"));
  auto settings = with_keys({.name = "me"});
  auto me = s.rt.spawn_peer(settings);
  REQUIRE(me.connect(s.where.str()));
  auto near = me.open("hub", "s", {"lang=en"});
  REQUIRE(near);
  const auto m = s.hub.accept("s")->meta();
  REQUIRE(m);
  CHECK(m->service == "s");
  CHECK_FALSE(m->stock);
  CHECK(m->remote_key == test_key().fingerprint());
  CHECK_THAT(m->key_comment, EndsWith("a comment"));
  CHECK(m->user == "duplex");
  CHECK(m->remote_peer == "me");
  CHECK(m->headers == std::vector<std::string>{"lang=en"});
  CHECK_THAT(m->remote_address, Catch::StartsWith("tcp://127.0.0.1:"));
  CHECK(m->originator.empty());
}

TEST_CASE("stock: the hub itself opens what a client offers, and cannot serve that name", "[stock]") {
  auto settings = with_keys({.name = "hub"});
  settings.authorized_keys = "permitlisten=\"web:*\" " + settings.authorized_keys;
  seen<std::string> offered;  // told once the peer has been
  settings.log = [&](const log_record& line) {
    if (line.text.find("offers 'web'") != std::string::npos) offered.add(line.text);
  };
  runtime rt;
  auto hub = rt.spawn_peer(settings);
  const auto at = hub.bind("tcp://127.0.0.1:0");
  REQUIRE(at);
  raw_client client{at->str(), test_key()};
  REQUIRE(ssh_channel_listen_forward(client.raw(), "web", 7, nullptr) == SSH_OK);
  REQUIRE(offered.wait_for(1).size() == 1);
  CHECK(hub.serve("web").error().code() == errc::already_exists);

  auto opening = hub.async_open("", "web", asio::use_future);
  int port = 0;
  ssh_channel taken = ssh_channel_open_forward_port(client.raw(), 20'000, &port, nullptr, nullptr);
  REQUIRE(taken != nullptr);
  CHECK(port == 7);
  REQUIRE(opening.wait_for(patience) == std::future_status::ready);
  auto ch = opening.get();
  REQUIRE(ch);
  CHECK(ch->meta()->stock);
  REQUIRE(ch->write("to the client"));
  char text[32] = {};
  CHECK(ssh_channel_read_timeout(taken, text, 13, 0, 20'000) == 13);
  CHECK(std::string{text} == "to the client");
  CHECK(ssh_channel_write(taken, "and back", 8) == 8);
  CHECK(ch->read()->view() == "and back");
}
