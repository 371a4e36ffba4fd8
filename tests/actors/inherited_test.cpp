// SPDX-License-Identifier: BSD-2-Clause
// What is special of fd: endpoints: a session on a socket that is there already. stdio: is the same on two others.
#include "tests/actors/support.hpp"
#include "tests/transport/folder.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

using namespace duplex;
using namespace duplex::test;
using Catch::Contains;
using transport_tests::variable;

namespace {

std::string fd(int number) { return "fd:" + std::to_string(number); }

// Two peers, each at its end of a socketpair.
struct linked {
  explicit linked(options for_hub = {}, options for_me = {}) {
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    hub = rt.spawn_peer(with_keys(std::move(for_hub)));
    me = rt.spawn_peer(with_keys(std::move(for_me)));
    here = fd(ends[0]), there = fd(ends[1]);
  }

  void watch(const peer& whom) {
    auto observer = rt.system().spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](event_atom, const peer_event& event) {
        static constexpr const char* words[] = {"up ", "down ", "draining ", "ended "};
        events.add(words[static_cast<int>(event.what)] + event.peer.name);
      }};
    });
    caf::anon_send(whom.actor(), subscribe_atom_v, observer);
  }

  std::array<int, 2> ends{};
  std::string here, there;
  seen<std::string> events;
  runtime rt;
  peer hub, me;
};

template <class Address> int listening(Address& at, int family) {
  const int made = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  socklen_t size = sizeof at;
  REQUIRE(::bind(made, reinterpret_cast<sockaddr*>(&at), size) == 0);
  REQUIRE(::listen(made, 8) == 0);
  ::getsockname(made, reinterpret_cast<sockaddr*>(&at), &size);
  return made;
}

sockaddr_in loopback() {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

}  // namespace

TEST_CASE("fd: two nameless peers at the ends of a socketpair call each other by their endpoints", "[fd]") {
  linked p;
  const auto bound = p.hub.bind(p.here);
  REQUIRE(bound);
  CHECK(bound->str() == p.here);
  const auto up = p.me.connect(p.there);
  REQUIRE(up);
  CHECK(up->name == p.there);
  REQUIRE(p.hub.peers()->size() == 1);
  CHECK(p.hub.peers()->front().name == p.here);

  REQUIRE(p.me.serve("s"));  // the acceptor opens a channel back
  auto near = p.hub.open(p.here, "s");
  REQUIRE(near);
  auto far = p.me.accept("s");
  REQUIRE(far);
  REQUIRE(near->write_frame("x"));
  CHECK(far->read_frame()->view() == "x");
  CHECK(near->meta()->remote_address == p.here);
  REQUIRE(near->meta()->process);
  CHECK(near->meta()->process->pid == ::getpid());
}

TEST_CASE("fd: a remote side that claims a name is known by that", "[fd]") {
  linked p{{.name = "hub"}, {.name = "me"}};
  REQUIRE(p.hub.bind(p.here));
  REQUIRE(p.me.connect(p.there));
  CHECK(p.hub.peers()->front().name == "me");
  CHECK(p.me.peers()->front().name == "hub");
}

TEST_CASE("fd: both sides hear that a session is over, and that its endpoint is", "[fd]") {
  linked p;
  const bool hub_watches = GENERATE(true, false);
  REQUIRE(p.hub.bind(p.here));
  p.watch(hub_watches ? p.hub : p.me);
  REQUIRE(p.me.connect(p.there));
  REQUIRE(p.hub.drop(p.here));
  const auto at = hub_watches ? p.here : p.there;
  const auto told = p.events.wait_for(hub_watches ? 3 : 4);
  CHECK(told.front() == "up " + at);
  CHECK(told.back() == "ended " + at);
  CHECK(std::count(told.begin(), told.end(), "down " + at) == 1);
  // It is not dialled again, and may not be: the socket is used up.
  CHECK((hub_watches ? p.hub.unbind(p.here) : p.me.disconnect(p.there)).error().code() == errc::not_found);
  CHECK((hub_watches ? p.hub.bind(p.here).error() : p.me.connect(p.there).error()).code() == errc::invalid_argument);
}

TEST_CASE("fd: what is no connected stream socket is refused", "[fd]") {
  linked p;
  std::array<int, 2> pipe{}, packets{};
  REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
  REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, packets.data()) == 0);
  const int alone = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto at = loopback();
  const int listens = listening(at, AF_INET);
  const auto check = [](int number, const error& failed, const std::string& why) {
    CHECK(failed.code() == errc::invalid_argument);
    CHECK_THAT(failed.context(), Contains(fd(number)) && Contains(why));
  };
  const auto refused = [&](int number, const std::string& why) {
    check(number, p.me.connect(fd(number)).error(), why);
    check(number, p.hub.bind(fd(number)).error(), why);
  };
  refused(60000, "not open");
  refused(pipe[0], "not a socket");
  refused(packets[0], "no stream socket");
  refused(alone, "not connected");
  check(listens, p.me.connect(fd(listens)).error(), "listens; bind it");
  for (const int one : {pipe[0], pipe[1], packets[0], packets[1], alone, listens}) CHECK(::close(one) == 0);
}

TEST_CASE("fd: a socket that listens is accepted at, as systemd passes them on", "[fd]") {
  linked p{{.name = "hub"}};
  SECTION("tcp, where from= has an address") {
    auto at = loopback();
    const int number = listening(at, AF_INET);
    REQUIRE(p.hub.set_option("authorized_keys", "from=\"127.0.0.1\" " + test_key().public_line()));
    REQUIRE(p.hub.bind(fd(number)));
    REQUIRE(p.me.connect("tcp://127.0.0.1:" + std::to_string(ntohs(at.sin_port))));
    REQUIRE(p.me.serve("s"));
    auto second = p.rt.spawn_peer(with_keys({.name = "second"}));
    REQUIRE(second.connect("tcp://127.0.0.1:" + std::to_string(ntohs(at.sin_port))));
    REQUIRE(second.serve("s"));
    CHECK_THAT(p.hub.open("second", "s")->meta()->remote_address, Catch::StartsWith("tcp://127.0.0.1:"));
    REQUIRE(p.hub.unbind(fd(number)));
  }
  SECTION("unix, where allow_users counts") {
    const transport_tests::folder files;
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    files.path("socket").copy(at.sun_path, sizeof at.sun_path - 1);
    const int number = listening(at, AF_UNIX);
    REQUIRE(p.hub.set_option("allow_users", "4294967294"));
    REQUIRE(p.hub.bind(fd(number)));
    CHECK_FALSE(p.me.connect("unix://" + files.path("socket")));
    REQUIRE(p.hub.set_option("allow_users", ""));
    CHECK(eventually([&] { return p.me.peers()->size() == 1; }));
  }
}

TEST_CASE("fd: from= never matches", "[fd]") {
  linked p{{.authorized_keys = {}}};
  REQUIRE(p.hub.set_option("authorized_keys", "from=\"*\" " + test_key().public_line()));
  REQUIRE(p.hub.bind(p.here));
  CHECK(p.me.connect(p.there).error().code() == errc::auth_failed);
}

TEST_CASE("fd: without a parent's key authorized_keys decides, also later", "[fd]") {
  linked p;
  REQUIRE(p.hub.bind(p.here));
  p.watch(p.hub);
  REQUIRE(p.me.connect(p.there));
  REQUIRE(p.hub.set_option("authorized_keys", key::generate().public_line()));
  CHECK(p.events.wait_for(3).back() == "ended " + p.here);
}

TEST_CASE("fd: the parent's key alone is admitted, whatever becomes of authorized_keys", "[fd]") {
  const variable parent{"DUPLEX_PARENT_KEY", test_key().public_line().c_str()};
  linked p;
  REQUIRE(p.hub.set_option("authorized_keys", key::generate().public_line()));
  REQUIRE(p.hub.bind(p.here));
  CHECK(std::getenv("DUPLEX_PARENT_KEY") == nullptr);
  REQUIRE(p.me.connect(p.there));

  // The list is in use by another endpoint; its change ends that one's session.
  REQUIRE(p.hub.set_option("authorized_keys", test_key().public_line()));
  const auto at = p.hub.bind("tcp://127.0.0.1:0");
  auto other = p.rt.spawn_peer(with_keys({.name = "other"}));
  REQUIRE(other.connect(at->str()));
  REQUIRE(p.hub.set_option("authorized_keys", key::generate().public_line()));
  CHECK(eventually([&] { return other.peers()->empty(); }));
  CHECK(p.hub.ping(p.here));
}

TEST_CASE("fd: another key than the parent's is refused, and a variable that holds none is an error", "[fd]") {
  linked p;
  {
    const variable parent{"DUPLEX_PARENT_KEY", "nonsense"};
    const auto refused = p.hub.bind(p.here);
    CHECK(refused.error().code() == errc::invalid_argument);
    CHECK_THAT(refused.error().context(), Contains("DUPLEX_PARENT_KEY"));
  }
  const variable parent{"DUPLEX_PARENT_KEY", key::generate().public_line().c_str()};
  REQUIRE(p.hub.bind(p.here));
  CHECK(p.me.connect(p.there).error().code() == errc::auth_failed);
}

TEST_CASE("fd: only host_key says whom a dialler expects", "[fd]") {
  linked p;
  auto settings = with_keys();
  settings.host_key.clear();
  settings.host_key_policy = "accept_new";
  auto blind = p.rt.spawn_peer(settings);
  REQUIRE(p.hub.bind(p.here));
  const auto refused = blind.connect(p.there);
  CHECK(refused.error().code() == errc::host_key);
  CHECK_THAT(refused.error().context(), Contains("host_key") && Contains(test_key().fingerprint()));
}
