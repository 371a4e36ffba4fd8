// SPDX-License-Identifier: BSD-2-Clause
#include "tests/actors/support.hpp"
#include "tests/transport/folder.hpp"

#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

using namespace duplex;
using namespace duplex::test;
using transport_tests::folder;

namespace {

struct bound {
  runtime rt;
  folder here;
  peer hub = rt.spawn_peer(with_keys({.name = "hub"}));
  std::string path = here.path("hub.sock"), where = "unix://" + path;
};

mode_t mode_of(const std::string& path) {
  struct stat about {};
  return ::lstat(path.c_str(), &about) == 0 ? about.st_mode : 0;
}

// A socket's path whose program has gone.
void leave_behind(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  path.copy(at.sun_path, sizeof at.sun_path - 1);
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
  ::close(fd);
}

}  // namespace

TEST_CASE("unix: peers talk, and meta tells the process at the other end", "[unix]") {
  bound b;
  REQUIRE(b.hub.serve("s"));
  const auto at = b.hub.bind(b.where);
  REQUIRE(at);
  CHECK(at->str() == b.where);
  auto me = b.rt.spawn_peer(with_keys({.name = "me"}));
  REQUIRE(me.connect(b.where));
  auto near = *me.open("hub", "s");
  auto far = *b.hub.accept("s");
  REQUIRE(near.write_frame("x"));
  CHECK(far.read_frame()->view() == "x");
  for (auto& end : {near, far}) {
    const auto about = end.meta();
    CHECK(about->remote_address == b.where);
    CHECK(about->process == credentials{::getuid(), ::getgid(), ::getpid()});
  }
}

TEST_CASE("unix: over tcp no process is known", "[unix]") {
  pair p;
  auto [near, far] = p.open();
  CHECK_FALSE(far.meta()->process);
}

TEST_CASE("unix: the path is closed to others, and goes with the listener", "[unix]") {
  bound b;
  REQUIRE(b.hub.bind(b.where));
  CHECK(mode_of(b.path) == (S_IFSOCK | 0600));
  REQUIRE(b.hub.unbind(b.where));
  CHECK(eventually([&] { return mode_of(b.path) == 0; }));
}

TEST_CASE("unix: a path left behind is replaced", "[unix]") {
  bound b;
  leave_behind(b.path);
  REQUIRE(b.hub.bind(b.where));
  auto me = b.rt.spawn_peer(with_keys({.name = "me"}));
  CHECK(me.connect(b.where));
}

TEST_CASE("unix: a live listener and a file in its place are refused, and stay", "[unix]") {
  bound b;
  REQUIRE(b.hub.bind(b.where));
  auto second = b.rt.spawn_peer(with_keys());
  CHECK(second.bind(b.where).error().code() == errc::address_in_use);
  CHECK(b.hub.bind(b.where).error().code() == errc::already_exists);
  auto me = b.rt.spawn_peer(with_keys({.name = "me"}));
  CHECK(me.connect(b.where));
  const auto file = b.here.write("file", "text");
  CHECK(second.bind("unix://" + file).error().code() == errc::address_in_use);
  CHECK(b.here.read("file") == "text");
  CHECK(second.bind("unix://" + b.here.path("none/x.sock")).error().code() == errc::io);
}

TEST_CASE("unix: connecting where nobody listens fails, and succeeds once somebody does", "[unix]") {
  bound b;
  options quick{.name = "me"};
  quick.reconnect_delay = 5ms;
  auto me = b.rt.spawn_peer(with_keys(quick));
  CHECK(me.connect(b.where).error().code() == errc::connection_failed);
  REQUIRE(b.hub.bind(b.where));
  CHECK(eventually([&] { return me.peers()->size() == 1; }));
}

TEST_CASE("unix: from= never matches", "[unix]") {
  bound b;
  auto keys = with_keys({.name = "strict"});
  keys.authorized_keys = "from=\"*\" " + keys.authorized_keys;
  auto strict = b.rt.spawn_peer(keys);
  REQUIRE(strict.bind(b.where));
  auto me = b.rt.spawn_peer(with_keys({.name = "me"}));
  CHECK(me.connect(b.where).error().code() == errc::auth_failed);
}

TEST_CASE("unix: a path that became somebody else's is left to them", "[unix]") {
  bound b;
  REQUIRE(b.hub.bind(b.where));
  REQUIRE(::unlink(b.path.c_str()) == 0);
  auto second = b.rt.spawn_peer(with_keys({.name = "second"}));
  REQUIRE(second.bind(b.where));
  REQUIRE(b.hub.shutdown());
  auto me = b.rt.spawn_peer(with_keys({.name = "me"}));
  const auto up = me.connect(b.where);
  REQUIRE(up);
  CHECK(up->name == "second");
}

TEST_CASE("unix: a listener that does not accept is no reason to wait", "[unix]") {
  bound b;
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  b.path.copy(at.sun_path, sizeof at.sun_path - 1);
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
  REQUIRE(::listen(fd, 0) == 0);
  std::vector<int> queued;  // until its backlog is full
  for (int one = 0; one >= 0;) {
    one = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    queued.push_back(one);
    if (::connect(one, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) break;
  }
  CHECK(b.hub.bind(b.where).error().code() == errc::address_in_use);
  for (const int one : queued) ::close(one);
  ::close(fd);
}

TEST_CASE("unix: stream_local_bind_mask says what the path's permissions lack", "[unix]") {
  bound b;
  REQUIRE(b.hub.set_option("stream_local_bind_mask", "0117"));
  REQUIRE(b.hub.bind(b.where));
  CHECK(mode_of(b.path) == (S_IFSOCK | 0660));
}

TEST_CASE("unix: allow_users lets in their processes only", "[unix]") {
  bound b;
  seen<std::string> told;
  auto settings = with_keys({.name = "guarded"});
  settings.log = [&](const log_record& record) {
    if (record.severity == log_record::level::warning && record.topic == "listener") told.add(record.text);
  };
  auto guarded = b.rt.spawn_peer(settings);
  REQUIRE(guarded.set_option("allow_users", "nosuchuser 4294967294"));
  REQUIRE(guarded.bind(b.where));
  auto me = b.rt.spawn_peer(with_keys({.name = "me"}));
  CHECK(me.connect(b.where).error().code() == errc::connection_failed);
  CHECK(told.wait_for(1).front() == b.where + ": closed a connection at once: user " + std::to_string(::getuid()) +
                                        " is not among allow_users (nosuchuser 4294967294)");
  const bool by_name = GENERATE(true, false);
  const std::string who = by_name ? ::getpwuid(::getuid())->pw_name : std::to_string(::getuid());
  REQUIRE(guarded.set_option("allow_users", "nosuchuser, " + who));
  auto again = b.rt.spawn_peer(with_keys({.name = "again"}));
  CHECK(again.connect(b.where));
}
