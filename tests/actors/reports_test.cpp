// SPDX-License-Identifier: BSD-2-Clause
// What a peer tells of itself and of its sessions.
#include "tests/actors/footprint.hpp"
#include "tests/actors/raw_client.hpp"
#include "tests/actors/site.hpp"
#include "transport/messages.hpp"

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

using namespace duplex;
using namespace duplex::test;
using Catch::StartsWith;

namespace {

// The only session of a peer.
session_report only(const peer& of) {
  auto all = of.sessions();
  if (!all) FAIL(all.error().message());
  if (all->size() != 1) FAIL(std::to_string(all->size()) + " sessions");
  return std::move(all->front());
}

channel_report find(const session_report& in, std::string_view service) {
  for (const auto& one : in.channels)
    if (one.service == service) return one;
  FAIL("no channel to " << service);
  return {};
}

std::vector<std::string> services(const session_report& in) {
  std::vector<std::string> all;
  for (const auto& one : in.channels) all.push_back(one.service);
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace

BEHAVIOUR("reports: a session is told with its channels, while they are open") {
  site here{over};
  const auto fresh = only(here.me);
  CHECK(fresh.name == "hub");
  CHECK(fresh.fingerprint == site::hub_key().fingerprint());
  CHECK_THAT(fresh.address, StartsWith(here.where.substr(0, here.where.find(':') + 1)));
  CHECK(fresh.dialled);
  CHECK_FALSE(fresh.stock);
  CHECK(fresh.answered);
  CHECK(fresh.channels.empty());
  auto first = here.open("echo"), second = here.open("queue");
  const auto used = only(here.me);
  CHECK(services(used) == std::vector<std::string>{"echo", "queue"});
  CHECK(find(used, "echo").opened_here);
  REQUIRE(first.close());
  CHECK(eventually([&] { return services(only(here.me)) == std::vector<std::string>{"queue"}; }));
}

TEST_CASE("reports: the side that was dialled tells the same session", "[reports]") {
  pair p;
  auto [near, far] = p.open("test");
  auto child = far.open("child");
  REQUIRE(child);
  const auto here = only(p.hub);
  CHECK(here.name == "me");
  CHECK(here.fingerprint == test_key().fingerprint());
  CHECK_FALSE(here.dialled);
  CHECK_FALSE(here.stock);
  CHECK_FALSE(find(here, "test").opened_here);
  CHECK(find(here, "child").opened_here);
  CHECK_FALSE(find(only(p.me), "child").opened_here);
}

TEST_CASE("reports: no age is more than the time that went by, no channel's more than its session's", "[reports]") {
  const std::string bound = GENERATE("tcp://127.0.0.1:0", "inproc://ages");
  const auto begin = std::chrono::steady_clock::now();
  pair p{bound};
  auto both = p.open();
  for (int i = 0; i < 2000; ++i) {  // ages are whole milliseconds: one look is as good as none
    const auto told = only(p.me);
    const auto gone = std::chrono::steady_clock::now() - begin;
    CHECK(told.age <= gone);
    CHECK(told.channels.at(0).age <= told.age);
  }
}

TEST_CASE("reports: what nobody reads waits at both ends, and is gone when it was read", "[reports]") {
  const std::string bound = GENERATE("tcp://127.0.0.1:0", "inproc://reports");
  options settings;
  settings.receive_window = 128U << 10;
  settings.send_high_water = 16U << 20;
  pair p{bound, settings};
  auto [near, far] = p.open();
  constexpr std::size_t count = 64, size = 64U << 10;  // more than libssh keeps beside the window
  for (std::size_t i = 0; i < count; ++i) REQUIRE(near.write(std::string(size, 'x')));
  CHECK(eventually([&] { return only(p.me).channels.at(0).queued > size; }));
  CHECK(eventually([&] { return only(p.hub).channels.at(0).unread >= settings.receive_window; }));
  CHECK(only(p.me).channels.at(0).unread == 0);
  CHECK(only(p.hub).channels.at(0).queued == 0);
  REQUIRE(near.close_write());
  CHECK(read_all(far).size() == count * size);
  CHECK(only(p.me).channels.at(0).queued == 0);
  CHECK(eventually([&] { return only(p.hub).channels.at(0).unread == 0; }));
}

TEST_CASE("reports: what a subscriber holds counts until it returns credit", "[reports]") {
  pair p;
  seen<frames> got;
  auto [near, far] = p.open();
  const auto reader = p.rt.system().spawn([&](caf::event_based_actor*) -> caf::behavior {
    return {[&](frames_atom, frames& batch) { got.add(std::move(batch)); }};
  });
  caf::scoped_actor self{p.rt.system()};
  self->request(far.actor(), patience, subscribe_atom_v, caf::actor_cast<caf::strong_actor_ptr>(reader),
                delivery::frames)
      .receive([] {}, [](const caf::error&) { FAIL("subscribe"); });
  REQUIRE(near.write_frame("hello"));
  REQUIRE(got.wait_for(1).size() == 1);
  const auto size = make_frames("hello").wire_size();
  CHECK(only(p.hub).channels.at(0).unread == size);
  self->send(far.actor(), credit_atom_v, static_cast<std::uint32_t>(size));
  CHECK(eventually([&] { return only(p.hub).channels.at(0).unread == 0; }));
  caf::anon_send_exit(reader, caf::exit_reason::kill);
}

TEST_CASE("reports: a stock client is told as one, before it logs in not at all", "[reports]") {
  runtime rt;
  auto hub = rt.spawn_peer(with_keys({.name = "hub"}));
  const auto at = hub.bind("tcp://127.0.0.1:0");
  REQUIRE(at);
  REQUIRE(hub.serve("s"));
  raw_client client{at->str()};
  CHECK(hub.sessions()->empty());
  client.authenticate(test_key());
  const auto asked = client.open("s", "127.0.0.1");
  REQUIRE(asked->opened);
  const auto here = only(hub);
  CHECK(here.stock);
  CHECK(here.name.empty());
  CHECK(here.fingerprint == test_key().fingerprint());
  CHECK_FALSE(find(here, "s").opened_here);
  client.cut();
  CHECK(eventually([&] { return hub.sessions()->empty(); }));
}

TEST_CASE("reports: a session that does not answer is told without its channels", "[reports]") {
  runtime rt;
  auto hub = rt.spawn_peer(with_keys({.name = "hub"}));
  const auto silent = rt.system().spawn([](caf::event_based_actor* self) -> caf::behavior {
    std::vector<caf::response_promise> kept;
    return {[self, kept](report_atom) mutable -> caf::response_promise {
      kept.push_back(self->make_response_promise());
      return kept.back();
    }};
  });
  auto about = std::make_shared<transport::session_info>();
  about->address = "tcp://192.0.2.1:1";
  caf::scoped_actor self{rt.system()};
  const auto to = caf::actor_cast<caf::actor>(hub.actor());
  self->send(to, attach_atom_v, silent);
  self->request(to, patience, up_atom_v, silent, transport::session_info_ptr{about})
      .receive([] {}, [](const caf::error&) { FAIL("up"); });
  const auto told = only(hub);
  CHECK(told.address == about->address);
  CHECK_FALSE(told.answered);
  CHECK(told.channels.empty());
  caf::anon_send_exit(silent, caf::exit_reason::kill);
  CHECK(eventually([&] { return hub.sessions()->empty(); }));
}

TEST_CASE("reports: many channels of many sessions are told, and none is kept by that", "[reports]") {
  pair p{options{.sessions = 4}};
  CHECK(eventually([&] { return p.hub.sessions()->size() == 4; }));
  const auto alone = footprint::of(p.rt);
  for (int round = 0; round < 2; ++round) {
    std::vector<std::pair<channel, channel>> open;
    for (int i = 0; i < 200; ++i) open.push_back(p.open());
    std::size_t mine = 0, theirs = 0;
    const auto near = p.me.sessions(), far = p.hub.sessions();
    for (const auto& one : *near) mine += one.channels.size();
    for (const auto& one : *far) theirs += one.channels.size();
    CHECK(mine == 200);
    CHECK(theirs == 200);
  }
  CHECK(alone.is_back(p.rt));
}

TEST_CASE("reports: a peer tells its key, where it is bound, and since when it is there", "[reports]") {
  const auto before = std::chrono::system_clock::now();
  runtime rt;
  auto hub = rt.spawn_peer(with_keys({.name = "hub"}));
  const auto plain = hub.self();
  REQUIRE(plain);
  CHECK(plain->name == "hub");
  CHECK(plain->fingerprint == test_key().fingerprint());
  CHECK(plain->endpoints.empty());
  CHECK(plain->started >= before);
  CHECK(plain->started <= std::chrono::system_clock::now());
  const auto first = hub.bind("tcp://127.0.0.1:0"), second = hub.bind("inproc://self-report");
  REQUIRE(first);
  REQUIRE(second);
  CHECK(hub.self()->endpoints == std::vector{second->str(), first->str()});
  REQUIRE(hub.unbind(first->str()));
  const auto later = hub.self();
  CHECK(later->endpoints == std::vector{second->str()});
  CHECK(later->started == plain->started);
}

TEST_CASE("reports: a peer that cannot work says why", "[reports]") {
  runtime rt;
  auto broken = rt.spawn_peer({.name = "no name"});
  CHECK(broken.sessions().error().code() == errc::invalid_argument);
  CHECK(broken.self().error().code() == errc::invalid_argument);
}
