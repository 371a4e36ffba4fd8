// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/rpc/actor.hpp>

#include "tests/rpc/support.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

using namespace duplex;
using namespace duplex::test;
using Catch::Contains;

namespace {

using plus_atom = caf::atom_constant<caf::atom("plus")>;
using over_atom = caf::atom_constant<caf::atom("over")>;
using note_atom = caf::atom_constant<caf::atom("note")>;

caf::behavior calculating(caf::event_based_actor*, seen<std::string>* notes) {
  return {
      [](plus_atom, int a, int b) { return a + b; },
      [](over_atom, int a, int b) -> caf::result<int> {
        if (b == 0) return rpc::to_caf(rpc::status{rpc::code::out_of_range, "over zero"});
        return a / b;
      },
      [notes](note_atom, const std::string& text) { notes->add(text); },
  };
}

/// An existing class.
class Store {
 public:
  void put(std::string key, int value) { entries_[std::move(key)] = value; }
  int get(const std::string& key) const {
    const auto at = entries_.find(key);
    if (at == entries_.end()) throw duplex::rpc::failure{duplex::rpc::code::not_found, "no " + key};
    return at->second;
  }
  duplex::rpc::stream<std::string> keys() {
    for (const auto& [key, value] : entries_) co_yield key;
  }
  using rpc = duplex::rpc::methods<&Store::put, &Store::get, &Store::keys>;

 private:
  std::map<std::string, int> entries_;
};

}  // namespace

TEST_CASE("rpc actors: an actor serves methods", "[rpc]") {
  rpc_pair f;
  seen<std::string> notes;
  const auto actor = f.rt.system().spawn(calculating, &notes);
  demo::Calc some;
  some.add = rpc::on(actor, plus_atom::value);
  some.divide = rpc::on(actor, over_atom::value);
  some.log = rpc::on(actor, note_atom::value);
  REQUIRE(f.far.serve(some));
  const auto calc = f.near.use<demo::Calc>("hub");
  CHECK(calc.add(20, 22).get() == 42);
  CHECK(text_of_call([&] { calc.divide(1, 0).get(); }) == "out_of_range: over zero");
  calc.log("noted");
  CHECK(notes.wait_for(1) == std::vector<std::string>{"noted"});
}

TEST_CASE("rpc actors: an actor that ends leaves its callers an error", "[rpc]") {
  rpc_pair f;
  const auto silent = f.rt.system().spawn([](caf::event_based_actor* self) -> caf::behavior {
    return {[self](int, int) { return self->make_response_promise<int>(); }, [self](caf::ok_atom) { self->quit(); }};
  });
  demo::Calc some;
  some.add = rpc::on(silent);
  REQUIRE(f.far.serve(some));
  auto call = f.near.use<demo::Calc>("hub").add(1, 2);
  caf::anon_send(silent, caf::ok_atom::value);
  CHECK(code_of_call([&] { call.get(); }) == rpc::code::unavailable);
}

TEST_CASE("rpc actors: a remote service is used as an actor", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  const auto calc = f.near.use<demo::Calc>("hub");
  const auto actor = rpc::as_actor(f.rt.system(), calc);
  caf::scoped_actor self{f.rt.system()};
  int sum = 0;
  rpc::status why;
  const auto failed = [&](const caf::error& of) { why = rpc::from_caf(of); };
  self->request(actor, patience, std::string{"add"}, 20, 22).receive([&](int got) { sum = got; }, failed);
  CHECK(sum == 42);
  self->request(actor, patience, std::string{"divide"}, 1, 0).receive([&](int) {}, failed);
  CHECK(why.text() == "invalid_argument: division by zero");
  self->request(actor, patience, std::string{"add"}, std::string{"x"}).receive([&](int) {}, failed);
  CHECK(why.code() == rpc::code::invalid_argument);
  self->request(actor, patience, std::string{"none"}, 1).receive([&](int) {}, failed);
  CHECK(why.code() == rpc::code::unimplemented);
  const auto one = rpc::as_actor(f.rt.system(), calc.add);
  self->request(one, patience, 1, 2).receive([&](int got) { sum = got; }, failed);
  CHECK(sum == 3);
}

TEST_CASE("rpc actors: a stream comes to an actor, one object after the other", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(calculator()));
  seen<int> got;
  const auto reader = f.rt.system().spawn([&](caf::event_based_actor*) -> caf::behavior {
    return {[&](int i) { got.add(i); }, [&](eof_atom, const caf::error& why) { got.add(why ? -2 : -1); }};
  });
  rpc::deliver(f.near.use<demo::Calc>("hub").ticks(3), reader);
  CHECK(got.wait_for(4) == std::vector<int>{0, 1, 2, -1});
}

TEST_CASE("rpc actors: an existing class serves the members it lists", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.serve(std::make_shared<Store>()));
  f.near.method<void(std::string, int)>("Store.put", "hub")("a", 1).get();
  CHECK(f.near.method<int(std::string)>("Store.get", "hub")("a").get() == 1);
  CHECK(text_of_call([&] { f.near.call_as<int>("Store.get", std::string{"b"}).get(); }) == "not_found: no b");
  std::vector<std::string> keys;
  for (const auto& key : f.near.method<rpc::stream<std::string>()>("Store.keys", "hub")()) keys.push_back(key);
  CHECK(keys == std::vector<std::string>{"a"});
}

TEST_CASE("rpc actors: a callable is a method by itself", "[rpc]") {
  rpc_pair f;
  REQUIRE(f.far.handle("demo.shout", [](const std::string& s) { return s + "!"; }));
  CHECK(f.near.call_as<std::string>("demo.shout", std::string{"hi"}).get() == "hi!");
  CHECK(f.far.handle("demo.shout", [] { return 1; }).error().code() == errc::already_exists);
  REQUIRE(f.far.withdraw("demo.shout"));
  CHECK(code_of_call([&] { f.near.call_as<std::string>("demo.shout", std::string{"hi"}).get(); }) ==
        rpc::code::unimplemented);
}
