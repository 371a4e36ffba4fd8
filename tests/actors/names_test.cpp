// SPDX-License-Identifier: BSD-2-Clause
// Who holds a name.
#include "tests/actors/raw_client.hpp"
#include "tests/actors/raw_server.hpp"
#include "tests/actors/support.hpp"
#include "transport/hello.hpp"
#include "transport/open_record.hpp"

#include <netinet/tcp.h>

using namespace duplex;
using namespace duplex::test;

namespace {

// A session as another process would have it: with a hello of its own, answering pings or not.
class other_process {
 public:
  other_process(const std::string& where, const std::string& name, const std::string& instance)
      : other_process(where, std::vector<std::string>{"name=" + name, "instance=" + instance, "version=test"}) {}
  other_process(const std::string& where, std::vector<std::string> items) : client_(where, test_key()) {
    REQUIRE(client_.authenticated);
    transport::open_record record;
    record.headers = std::move(items);
    control_ = client_.open("@duplex", record.encode(), &arrived_);
  }
  /// "accept@duplex " and the acceptor's hello, or "trailers@duplex " and why not.
  const std::string& answer() {
    if (!arrives([&] { return !control_->signal.empty(); })) control_->signal = "none";
    return control_->signal;
  }
  bool is_kept() { return answer().starts_with("accept@duplex "); }
  /// The next control frame; nothing when the session has ended.
  std::optional<transport::control_frame> hear() {
    const auto holds = [&](std::size_t size) { return arrives([&] { return arrived_.size() >= size; }); };
    if (!holds(frame_header)) return std::nullopt;
    const auto size = detail::load_length(arrived_.data());
    if (!holds(frame_header + size)) return std::nullopt;
    auto frame = transport::control_frame::decode(std::string_view{arrived_}.substr(frame_header, size));
    arrived_.erase(0, frame_header + size);
    REQUIRE(frame);
    return *frame;
  }
  void say(const transport::control_frame& frame) {
    const auto image = make_frames(frame.encode()).image();
    ssh_channel_write(control_->raw, image.data(), static_cast<std::uint32_t>(image.size()));
  }

  raw_client& client() { return client_; }

 private:
  template <class Fn> bool arrives(Fn there) {
    constexpr int step = 10;  // milliseconds: what comes goes to the callback, so libssh never says that it came
    return eventually([&] {
             return there() || ssh_channel_poll_timeout(control_->raw, step, 0) == SSH_ERROR ||
                    ssh_channel_is_open(control_->raw) == 0;
           }) &&
           there();
  }

  raw_client client_;
  std::string arrived_;
  std::unique_ptr<raw_client::channel> control_;
};

struct hub_alone {
  explicit hub_alone(options settings = {})
      : hub(spawn(std::move(settings))), where(hub.bind("tcp://127.0.0.1:0")->str()) {}
  peer spawn(options settings) {
    settings.name = "hub";
    auto with = with_keys(settings);
    if (!settings.authorized_keys.empty()) with.authorized_keys = settings.authorized_keys;
    return rt.spawn_peer(with);
  }
  std::size_t sessions_of(const std::string& name) {
    const auto all = hub.peers();
    for (const auto& one : *all)
      if (one.name == name) return one.sessions;
    return 0;
  }

  runtime rt{runtime_options{1, {}}};  // so that a refusal and the end after it are read in one go
  peer hub;
  std::string where;
};

const std::string one(32, '1'), two(32, '2');

}  // namespace

TEST_CASE("names: parallel sessions of one instance are all live", "[names]") {
  hub_alone h;
  std::vector<std::unique_ptr<other_process>> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(std::make_unique<other_process>(h.where, "worker", one));
    CHECK(all.back()->is_kept());
  }
  CHECK(h.sessions_of("worker") == 4);
  all.pop_back();
  CHECK(eventually([&] { return h.sessions_of("worker") == 3; }));
}

TEST_CASE("names: the hello in the record that opens @duplex is answered with the acceptor's", "[names]") {
  hub_alone h;
  other_process early{h.where, {"name=worker", "instance=" + one}};
  CHECK_THAT(early.answer(), Catch::StartsWith("accept@duplex name=hub;instance="));
  CHECK(h.sessions_of("worker") == 1);
  early.say({"later", {"name=other"}});  // a word of another version, to no effect
  early.say({"ping", {"number=7"}});
  const auto after = early.hear();
  REQUIRE(after);
  CHECK(after->word == "pong");
  CHECK(h.sessions_of("other") == 0);
}

TEST_CASE("names: a hello in that record may be longer than other records", "[names]") {
  options settings;
  settings.max_open_record = 64;
  hub_alone h{settings};
  other_process early{h.where, {"name=worker", "instance=" + one, "version=" + std::string(100, 'v')}};
  CHECK(early.is_kept());
}

TEST_CASE("names: a list of that record that is no hello is refused, with the reason", "[names]") {
  hub_alone h;
  const auto status = "trailers@duplex status=" + std::to_string(static_cast<int>(errc::malformed)) + ";reason=";
  other_process odd{h.where, {"name=a b", "instance=" + one}};
  CHECK(odd.answer() == status + "hello with an impossible name;");
  other_process bare{h.where, {}};
  CHECK(bare.answer() == status + "hello without an instance;");
  CHECK(h.hub.peers()->empty());
  REQUIRE(h.hub.serve("s"));
  CHECK(bare.client().open("s", "127.0.0.1")->opened);  // the session goes on as a stock client's
}

TEST_CASE("names: refused opens of @duplex count as channels, too", "[names]") {
  options settings;
  settings.max_channels = 2;
  hub_alone h{settings};
  raw_client client{h.where, test_key()};
  std::vector<std::unique_ptr<raw_client::channel>> refused;  // this side never closes them
  for (int i = 0; i < 2; ++i) {
    refused.push_back(client.open("@duplex", "duplex/1;id=0;;"));
    CHECK_THAT(refused.back()->last_signal(), Catch::StartsWith("trailers@duplex status=15;"));
  }
  const auto over = client.open("@duplex", "duplex/1;id=0;;");
  CHECK_FALSE(over->opened);
  CHECK(over->signal.empty());  // OPEN_FAILURE, not a refusal
}

TEST_CASE("names: what comes with a hello is served once the name is granted, and under it", "[names]") {
  const std::string name = GENERATE("good", "bad");
  INFO(name);
  hub_alone h{options{.authorized_keys = "environment=\"DUPLEX_PEER=good\" " + test_key().public_line()}};
  std::promise<std::string> served;
  std::atomic<int> count{0};
  REQUIRE(h.hub.serve("s", [&](channel ch) -> asio::awaitable<void> {
    const auto about = co_await ch.async_meta();
    if (count++ == 0) served.set_value(about->remote_peer);
  }));
  raw_client client{h.where, test_key()};
  // Both opens in one segment, neither waited for.
  const int on = 1, off = 0, fd = ssh_get_fd(client.raw());
  ::setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
  ssh_set_blocking(client.raw(), 0);
  const auto control = client.open("@duplex", "duplex/1;id=0;;name=" + name + ";instance=1;");
  const auto early = client.open("s", "duplex/1;id=1;;");
  ::setsockopt(fd, IPPROTO_TCP, TCP_CORK, &off, sizeof off);
  ssh_set_blocking(client.raw(), 1);
  if (name == "good") {
    auto who = served.get_future();
    REQUIRE(eventually([&] {
      ssh_channel_poll_timeout(early->raw, 10, 0);
      return who.wait_for(0s) == std::future_status::ready;
    }));
    CHECK(who.get() == "good");
  } else {
    CHECK_THAT(control->last_signal(), Catch::StartsWith("trailers@duplex status=7;"));
    REQUIRE(h.hub.shutdown());
    CHECK(count == 0);
  }
}

TEST_CASE("names: who is turned away before the answer hears why in it", "[names]") {
  hub_alone h;
  other_process dead{h.where, "worker", one};
  REQUIRE(dead.is_kept());
  other_process second{h.where, "worker", two};  // while the first has its second to answer
  REQUIRE(h.hub.set_option("authorized_keys", key::generate().public_line()));
  CHECK_THAT(second.answer(), Catch::StartsWith("trailers@duplex status=7;reason=the key"));
}

TEST_CASE("names: a dialler says what is wrong with the answer to @duplex, or what it says", "[names]") {
  struct answer {
    const char *signal, *text;
    errc code;
    const char* part;
  };
  const auto bad = GENERATE(answer{"accept@duplex", "", errc::malformed, "'@duplex': hello without an instance"},
                            answer{"accept@duplex", "name=a b;instance=1;", errc::malformed, "impossible name"},
                            answer{"accept@duplex", "no list", errc::malformed, "no list"},
                            answer{"trailers@duplex", "status=7;reason=go away;", errc::auth_failed, "go away"},
                            answer{"trailers@duplex", "status=99;", errc::refused, "refuses '@duplex'"});
  INFO(bad.signal << ' ' << bad.text);
  const raw_server server{bad.signal, bad.text};
  runtime rt;
  auto me = rt.spawn_peer(with_keys({.name = "me"}));
  const auto why = me.connect(server.where()).error();
  CHECK(why.code() == bad.code);
  CHECK_THAT(why.context(), Catch::Contains(bad.part));
}

TEST_CASE("names: another instance takes over from one that leaves the ping unanswered", "[names]") {
  hub_alone h;
  other_process dead{h.where, "worker", one};  // it never reads again, as after a lost network
  REQUIRE(dead.is_kept());
  const auto before = std::chrono::steady_clock::now();
  other_process fresh{h.where, "worker", two};
  CHECK(fresh.is_kept());
  CHECK(std::chrono::steady_clock::now() - before >= 1s);  // it had its second
  CHECK(h.sessions_of("worker") == 1);
  for (auto frame = dead.hear(); frame && frame->word != "goodbye"; frame = dead.hear()) CHECK(frame->word == "ping");
}

TEST_CASE("names: another instance is refused while the first answers", "[names]") {
  hub_alone h;
  other_process alive{h.where, "worker", one};
  REQUIRE(alive.is_kept());
  std::thread answering{[&] {
    const auto ping = alive.hear();
    if (ping && ping->word == "ping") alive.say({"pong", ping->items});
  }};
  other_process second{h.where, "worker", two};
  const auto answer = second.answer();
  answering.join();
  CHECK_THAT(answer, Catch::StartsWith("trailers@duplex status=" +
                                       std::to_string(static_cast<int>(errc::already_exists)) + ";reason=") &&
                         Catch::Contains(test_key().fingerprint()) && Catch::Contains("tcp://127.0.0.1:"));
  CHECK(h.sessions_of("worker") == 1);
}

TEST_CASE("names: of two new instances at once one gets the silent one's name", "[names]") {
  hub_alone h;
  other_process dead{h.where, "worker", one};
  REQUIRE(dead.is_kept());
  other_process second{h.where, "worker", two}, third{h.where, "worker", std::string(32, '3')};
  const bool a = second.is_kept(), b = third.is_kept();
  CHECK(a != b);
  CHECK(h.sessions_of("worker") == 1);
}

TEST_CASE("names: another key is refused with the holder's fingerprint and address", "[names]") {
  const auto stranger = key::generate();
  hub_alone h{options{.authorized_keys = test_key().public_line() + "\n" + stranger.public_line()}};
  auto first = h.rt.spawn_peer(with_keys({.name = "worker"}));
  REQUIRE(first.connect(h.where));
  auto with = with_keys({.name = "worker"});
  with.identity = stranger.text();
  auto second = h.rt.spawn_peer(with);
  const auto refused = second.connect(h.where);
  CHECK(refused.error().code() == errc::already_exists);
  CHECK_THAT(refused.error().context(),
             Catch::Contains(test_key().fingerprint()) && Catch::Contains(h.hub.peers()->front().address));
}

TEST_CASE("names: environment=DUPLEX_PEER pins what a key may claim", "[names]") {
  hub_alone h{options{.authorized_keys =
                          "environment=\"DUPLEX_PEER=a\",environment=\"DUPLEX_PEER=b\" " + test_key().public_line()}};
  for (const std::string name : {"a", "b", ""}) {
    auto me = h.rt.spawn_peer(with_keys({.name = name}));
    CHECK(me.connect(h.where));
    REQUIRE(me.shutdown());
  }
  auto me = h.rt.spawn_peer(with_keys({.name = "c"}));
  const auto refused = me.connect(h.where).error();
  CHECK(refused.code() == errc::auth_failed);
  CHECK_THAT(refused.context(), Catch::Contains("'a', 'b'") && Catch::Contains("'c'"));
}

TEST_CASE("names: a name that the list no longer allows ends its session", "[names]") {
  hub_alone h;
  auto me = h.rt.spawn_peer(with_keys({.name = "me"}));
  REQUIRE(me.connect(h.where));
  REQUIRE(h.hub.set_option("authorized_keys", "environment=\"DUPLEX_PEER=you\" " + test_key().public_line()));
  CHECK(eventually([&] { return h.hub.peers()->empty(); }));
}

TEST_CASE("names: a key taken out by set_option ends its sessions, and those alone", "[names]") {
  const auto other = key::generate();
  hub_alone h{options{.authorized_keys = test_key().public_line() + "\n" + other.public_line()}};
  auto me = h.rt.spawn_peer(with_keys({.name = "me"}));
  REQUIRE(me.connect(h.where));
  auto with = with_keys({.name = "other"});
  with.identity = other.text();
  auto they = h.rt.spawn_peer(with);
  REQUIRE(they.connect(h.where));
  REQUIRE(h.hub.set_option("authorized_keys", other.public_line()));
  CHECK(eventually([&] { return h.sessions_of("me") == 0; }));
  CHECK(h.sessions_of("other") == 1);
  REQUIRE(h.hub.serve("s"));
  CHECK(they.open("hub", "s"));
}
