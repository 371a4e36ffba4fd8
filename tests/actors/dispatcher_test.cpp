// SPDX-License-Identifier: BSD-2-Clause
#include "actors/dispatcher.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <string>
#include <vector>

using duplex::detail::dispatcher;
using strings = std::vector<std::string>;

namespace {

strings next(dispatcher& from, int count) {
  strings got;
  for (int i = 0; i < count; ++i) got.push_back(from.next().value_or("nobody"));
  return got;
}

dispatcher with(const strings& names) {
  dispatcher turns;
  for (const auto& name : names) turns.add(name);
  return turns;
}

}  // namespace

TEST_CASE("dispatcher: nobody's turn when there is nobody", "[dispatcher]") {
  dispatcher turns;
  CHECK_FALSE(turns.next());
  turns.remove("a");
  CHECK_FALSE(turns.next());
  turns.add("a");
  turns.remove("a");
  CHECK_FALSE(turns.next());
}

TEST_CASE("dispatcher: takes turns in the order of coming", "[dispatcher]") {
  auto turns = with({"a", "b", "c"});
  CHECK((next(turns, 7) == strings{"a", "b", "c", "a", "b", "c", "a"}));
}

TEST_CASE("dispatcher: adding twice or removing a stranger changes nothing", "[dispatcher]") {
  auto turns = with({"a", "b"});
  (void)turns.next();
  turns.add("a");
  turns.remove("c");
  CHECK((next(turns, 4) == strings{"b", "a", "b", "a"}));
}

TEST_CASE("dispatcher: a newcomer is asked last in the current round", "[dispatcher]") {
  auto turns = with({"a", "b", "c"});
  (void)turns.next();
  turns.add("d");
  CHECK((next(turns, 7) == strings{"b", "c", "a", "d", "b", "c", "a"}));
}

TEST_CASE("dispatcher: a leaver does not cost the others their turn", "[dispatcher]") {
  const std::string leaver = GENERATE("a", "b", "c");
  const int asked = GENERATE(0, 1, 2);
  const strings names{"a", "b", "c"};
  auto turns = with(names);
  (void)next(turns, asked);
  turns.remove(leaver);
  strings expected;  // the rest of this round, then who was asked already
  for (std::size_t i = 0; i < names.size(); ++i)
    if (const auto& name = names[(i + static_cast<std::size_t>(asked)) % 3]; name != leaver) expected.push_back(name);
  CHECK((next(turns, 2) == expected));
  CHECK((next(turns, 2) == expected));
}

TEST_CASE("dispatcher: the last one in the list may leave when it is its turn", "[dispatcher]") {
  auto turns = with({"a", "b", "c"});
  (void)next(turns, 2);
  turns.remove("c");
  CHECK((next(turns, 3) == strings{"a", "b", "a"}));
}

TEST_CASE("dispatcher: who stays is asked fairly while others come and go", "[dispatcher]") {
  std::mt19937 random{7};
  for (int round = 0; round < 50; ++round) {
    auto turns = with({"steady", "rock"});
    strings guests;
    std::map<std::string, int> since;  // how many others were asked since this one was
    int most = 0, steady = 0, rock = 0;
    for (int step = 0; step < 2000; ++step) {
      if (random() % 3 == 0 && guests.size() < 5) {
        guests.push_back("guest" + std::to_string(step));
        turns.add(guests.back());
      } else if (random() % 3 == 0 && !guests.empty()) {
        const auto at = guests.begin() + static_cast<std::ptrdiff_t>(random() % guests.size());
        turns.remove(*at);
        since.erase(*at);
        guests.erase(at);
      }
      const auto whom = turns.next();
      REQUIRE(whom);
      REQUIRE((*whom == "steady" || *whom == "rock" || std::find(guests.begin(), guests.end(), *whom) != guests.end()));
      steady += *whom == "steady" ? 1 : 0;
      rock += *whom == "rock" ? 1 : 0;
      for (auto& [name, count] : since) most = std::max(most, ++count);
      since[*whom] = 0;
    }
    // At most seven are there at once, but a newcomer in each step may go before one that waits.
    REQUIRE(std::abs(steady - rock) <= 1);
    REQUIRE(steady > 2000 / 8);
    INFO("longest wait " << most);
    CHECK(most < 100);
  }
}
