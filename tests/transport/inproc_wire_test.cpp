// SPDX-License-Identifier: BSD-2-Clause
#include "transport/inproc_wire.hpp"

#include <catch2/catch.hpp>
#include <thread>

using namespace duplex;
using namespace duplex::transport;

namespace {

void ping(const inproc_end_ptr& by, std::uint64_t number) {
  std::vector<wire::event> events;
  events.emplace_back(wire::ping{number});
  by->send(events);
}

// The numbers of the pings that wait there, 0 for anything else.
std::vector<std::uint64_t> numbers(const inproc_end_ptr& at) {
  std::vector<wire::event> events;
  at->take(events);
  std::vector<std::uint64_t> all;
  for (const auto& event : events) {
    const auto* said = std::get_if<wire::ping>(&event);
    all.push_back(said != nullptr ? said->number : 0);
  }
  return all;
}

bool is_gone(const inproc_end_ptr& at) {
  std::vector<wire::event> events;
  at->take(events);
  return events.size() == 1 && std::holds_alternative<wire::gone>(events[0]);
}

}  // namespace

TEST_CASE("inproc wire: events arrive at the other end, in order", "[inproc]") {
  auto [a, b] = inproc_end::make_pair(nullptr);
  ping(a, 1);
  ping(b, 7);
  ping(a, 2);
  CHECK(numbers(b) == std::vector<std::uint64_t>{1, 2});
  CHECK(numbers(a) == std::vector<std::uint64_t>{7});
  CHECK(numbers(b).empty());
}

TEST_CASE("inproc wire: an end is woken once until it has taken what waits", "[inproc]") {
  auto [a, b] = inproc_end::make_pair(nullptr);
  int woken = 0;
  ping(a, 1);
  b->attach([&] { ++woken; });
  CHECK(woken == 1);  // it waited already
  ping(a, 2);
  CHECK(woken == 1);
  CHECK(numbers(b).size() == 2);
  ping(a, 3);
  ping(a, 4);
  CHECK(woken == 2);
  std::vector<wire::event> none;
  CHECK(numbers(b).size() == 2);
  a->send(none);
  CHECK(woken == 2);
}

TEST_CASE("inproc wire: an end that leaves tells the other one last, and is not woken any more", "[inproc]") {
  auto [a, b] = inproc_end::make_pair(nullptr);
  int woken = 0;
  a->attach([&] { ++woken; });
  ping(a, 1);
  a->leave();
  a->leave();
  CHECK(numbers(b) == std::vector<std::uint64_t>{1, 0});
  ping(b, 2);
  CHECK(numbers(a).empty());
  b->leave();
  CHECK(woken == 0);
}

TEST_CASE("inproc wire: an end that nobody took, or whose runtime stops, counts as gone", "[inproc]") {
  auto [a, b] = inproc_end::make_pair(nullptr);
  SECTION("dropped") { b.reset(); }
  SECTION("stopped") { b->stopped(); }
  CHECK(is_gone(a));
}

TEST_CASE("inproc wire: memory travels, not copies", "[inproc]") {
  auto [a, b] = inproc_end::make_pair(nullptr);
  const bytes content{std::string(5000, 'x')};
  std::vector<wire::event> events;
  events.emplace_back(wire::data{{side::dialler, 1}, content, false});
  a->send(events);
  CHECK(events.empty());
  b->take(events);
  CHECK(std::get<wire::data>(events.at(0)).content.data() == content.data());
}

TEST_CASE("inproc wire: a hundred thousand events between threads are neither lost nor swapped", "[inproc]") {
  auto [a, b] = inproc_end::make_pair(nullptr);
  constexpr std::uint64_t count = 100'000;
  std::thread sender{[&by = a] {
    for (std::uint64_t i = 1; i <= count; ++i) ping(by, i);
    by->leave();
  }};
  std::uint64_t next = 1;
  for (bool over = false; !over;)
    for (const auto number : numbers(b)) {
      over = number == 0;
      if (!over) CHECK(number == next++);
    }
  sender.join();
  CHECK(next == count + 1);
}
