// SPDX-License-Identifier: BSD-2-Clause
#include "actors/offers.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <catch2/catch.hpp>

#include <map>

using namespace duplex::detail;

namespace {

// Actors that stand for sessions; only their identity matters.
struct sessions {
  sessions() {
    for (auto* one : {&a, &b, &c})
      *one = system.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](int) {}}; });
  }
  ~sessions() {
    for (auto* one : {&a, &b, &c}) caf::anon_send_exit(*one, caf::exit_reason::user_shutdown);
  }
  caf::actor_system_config config;
  caf::actor_system system{config};
  caf::actor a, b, c;
};

}  // namespace

TEST_CASE("offers: nobody offers a name that nobody added", "[offers]") {
  offers known;
  CHECK_FALSE(known.next("web"));
  CHECK_FALSE(known.contains("web"));
  CHECK(known.names().empty());
}

TEST_CASE("offers: offers of one name take turns in the order they came", "[offers]") {
  const sessions by;
  offers known;
  const offer first{by.a, 1}, second{by.b, 1}, third{by.a, 2};
  for (const auto& one : {first, second, third}) known.add("web", one);
  for (int i = 0; i < 3; ++i) {
    CHECK(known.next("web") == first);
    CHECK(known.next("web") == second);
    CHECK(known.next("web") == third);
  }
}

TEST_CASE("offers: each name has its own turn", "[offers]") {
  const sessions by;
  offers known;
  for (const auto* name : {"web", "db"}) {
    known.add(name, {by.a, 1});
    known.add(name, {by.b, 1});
  }
  CHECK(known.next("web")->session == by.a);
  CHECK(known.next("db")->session == by.a);
  CHECK(known.next("web")->session == by.b);
  CHECK(known.next("db")->session == by.b);
  CHECK(known.names() == std::vector<std::string>{"db", "web"});
}

TEST_CASE("offers: a withdrawn offer gets no turn, and the last one takes its name with it", "[offers]") {
  const sessions by;
  offers known;
  known.add("web", {by.a, 1});
  known.add("web", {by.b, 2});
  CHECK_FALSE(known.remove("web", {by.a, 2}));
  CHECK_FALSE(known.remove("db", {by.a, 1}));
  CHECK(known.remove("web", {by.a, 1}));
  CHECK_FALSE(known.remove("web", {by.a, 1}));
  for (int i = 0; i < 3; ++i) CHECK(known.next("web") == offer{by.b, 2});
  CHECK(known.remove("web", {by.b, 2}));
  CHECK_FALSE(known.contains("web"));
  CHECK_FALSE(known.next("web"));
}

TEST_CASE("offers: a session that ends takes all its offers with it, and no others", "[offers]") {
  const sessions by;
  offers known;
  for (const auto* name : {"web", "db", "mail"}) known.add(name, {by.a, 1});
  known.add("web", {by.b, 1});
  known.add("web", {by.a, 2});
  CHECK(known.remove(by.a));
  CHECK_FALSE(known.remove(by.a));
  CHECK(known.names() == std::vector<std::string>{"web"});
  for (int i = 0; i < 3; ++i) CHECK(known.next("web") == offer{by.b, 1});
}

TEST_CASE("offers: nobody is passed over while other offers come and go", "[offers]") {
  const sessions by;
  offers known;
  known.add("web", {by.a, 1});
  known.add("web", {by.b, 1});
  std::map<caf::actor_id, int> turns;
  for (int i = 0; i < 300; ++i) {
    ++turns[known.next("web")->session.id()];
    // A third one that is there every other time only.
    if (i % 2 == 0)
      known.add("web", {by.c, 1});
    else
      known.remove("web", {by.c, 1});
  }
  CHECK(turns[by.a.id()] >= 100);
  CHECK(turns[by.b.id()] >= 100);
}
