// SPDX-License-Identifier: BSD-2-Clause
// What `rights` says of a session's remote side is what an open from there gets.
#include "tests/actors/site.hpp"

#include <filesystem>

using namespace duplex;
using namespace duplex::test;

namespace {

// A channel from `me` to `hub`, which has a list in a file, and what the hub may say of the one who opened it.
struct listed {
  explicit listed(const std::string& options) {
    replace(options);
    auto settings = with_keys({.name = "hub"});
    settings.authorized_keys = files.path("list");
    hub = rt.spawn_peer(settings);
    me = rt.spawn_peer(with_keys({.name = "me"}));
    const auto at = hub.bind("tcp://127.0.0.1:0");
    REQUIRE(at);
    REQUIRE(hub.serve("calls"));
    REQUIRE(hub.serve(""));
    REQUIRE(me.connect(at->str()));
    auto opened = me.open("hub", "calls");
    if (!opened) FAIL(opened.error().message());
    near = *opened;
    far = *hub.accept("calls");
    remote = far.meta()->rights;
  }
  void replace(const std::string& options) const {
    files.write("list.new", options + (options.empty() ? "" : " ") + test_key().public_line() + '\n');
    std::filesystem::rename(files.path("list.new"), files.path("list"));
  }
  // True when the answer is the one that an open gets.
  bool agrees(const std::string& service) {
    const auto opened = me.open("hub", service);
    return remote.may_open(service) == (opened.error().code() != errc::auth_failed);
  }

  transport_tests::folder files;
  runtime rt;
  peer hub, me;
  channel near, far;
  rights remote;
};

}  // namespace

TEST_CASE("rights: it answers as an open does", "[rights]") {
  const std::string options = GENERATE("", "permitopen=\"calls:*\"", "permitopen=\"c*:*\"", "permitopen=\"*:*\"",
                                       "restrict,permitopen=\"calls:1\",permitopen=\"@x:*\"");
  INFO(options);
  listed here{options};
  CHECK(here.remote.may_open("calls"));
  for (const auto* service : {"calls", "calc.add", "other", "@x"}) CHECK(here.agrees(service));
}

TEST_CASE("rights: a list that changes counts for the session and the channel that live on", "[rights]") {
  listed here{""};
  CHECK(here.remote.may_open("other"));
  here.replace("permitopen=\"calls:*\"");
  CHECK(eventually([&] { return !here.remote.may_open("other"); }));
  CHECK(here.remote.may_open("calls"));
  CHECK(here.agrees("other"));
  here.replace("restrict");
  CHECK(eventually([&] { return !here.remote.may_open("calls"); }));
  here.replace("permitopen=\"other:*\"");
  CHECK(eventually([&] { return here.remote.may_open("other"); }));
  CHECK(here.agrees("calls"));
  REQUIRE(here.near.write_frame("still here"));
  CHECK(here.far.read_frame()->view() == "still here");
}

TEST_CASE("rights: a key that the list has lost may open nothing", "[rights]") {
  listed here{""};
  here.files.write("list", "");
  CHECK(here.far.read().error().code() == errc::auth_failed);
  CHECK_FALSE(here.remote.may_open("calls"));
}

TEST_CASE("rights: a child's is that of its session", "[rights]") {
  listed here{"permitopen=\"calls:*\""};
  const auto child = here.near.open("anything");
  REQUIRE(child);
  const auto about = here.far.accept()->meta();
  CHECK(about->rights.may_open("calls"));
  CHECK_FALSE(about->rights.may_open("anything"));
}

TEST_CASE("rights: an actor has it from the meta that it accepts with", "[rights]") {
  seen<rights> got;
  pair p;
  const auto acceptor = p.rt.system().spawn([&](caf::event_based_actor*) -> caf::behavior {
    return {[&](accept_atom, const channel_actor&, const meta& about) { got.add(about.rights); }};
  });
  REQUIRE(p.hub.serve("s", acceptor));
  REQUIRE(p.me.open("hub", "s"));
  const auto all = got.wait_for(1);
  REQUIRE(all.size() == 1);
  CHECK(all[0].may_open("s"));
  CHECK_FALSE(all[0].may_open("@x"));
  p.rt.shutdown();
}

BEHAVIOUR("rights: who was dialled may open everything") {
  site here{over};
  const auto about = here.open("echo").meta();
  REQUIRE(about);
  for (const auto* service : {"any", "a.b", "@x"}) CHECK(about->rights.may_open(service));
  CHECK_FALSE(about->rights.may_open("@duplex"));
}
