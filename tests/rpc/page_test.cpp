// SPDX-License-Identifier: BSD-2-Clause
// What docs/rpc.md shows beside the examples: its snippets stand here, byte for byte (tests/checks/snippets.sh), and
// run.
#include <duplex/rpc/actor.hpp>
#include <duplex/rpc/codec/cereal.hpp>

#include "messages.pb.h"
#include "tests/rpc/support.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

using namespace duplex;
using namespace duplex::test;

namespace shop {

struct order {
  std::string what;
  int count = 1;
};
struct Orders {
  rpc::fn<int(order), rpc::doc("places an order, gives its number")> place;
  rpc::fn<std::string(int), rpc::idempotent, rpc::doc("where an order is")> track;
  rpc::fn<rpc::oneway(std::string)> hint;
};

struct stock {
  int left = 0;
};

rpc::task<std::string> track(const rpc::context& call, int number) {
  if (call.header("token") != "secret") throw rpc::failure{rpc::code::unauthenticated, "a token, please"};
  boost::asio::steady_timer later{co_await boost::asio::this_coro::executor, 1ms};
  co_await later.async_wait(boost::asio::use_awaitable);  // ends early when nobody waits for the call any more
  call.add_trailer("depot=" + call.caller().local_peer);
  co_return "order " + std::to_string(number) + " is on its way to " + call.caller().remote_peer;
}

int place(const order& wanted) {
  if (wanted.count < 1) throw rpc::failure{rpc::code::invalid_argument, "order one at least"};
  if (wanted.count > 7) {
    const auto details = rpc::encode(*rpc::msgpack(), stock{7});
    throw rpc::failure{rpc::status{rpc::code::failed_precondition, "not so many here", details}};
  }
  return 42;
}

// A part of another call: it ends no later, and is cancelled with it.
rpc::task<std::string> place_and_track(const Orders& orders, const rpc::context& call) {
  order wanted{"tea", 2};
  auto placing = orders.place(wanted, {.within = &call});
  const int number = co_await std::move(placing);
  auto tracking = orders.track(number, {.within = &call, .headers = &call.headers()});
  co_return co_await std::move(tracking);
}

Orders orders(seen<std::string>& hints) {
  return {.place = place, .track = track, .hint = [&](std::string text) { hints.add(std::move(text)); }};
}

struct Printer {
  rpc::fn<std::uint64_t(channel)> print;
};

rpc::task<std::uint64_t> print(channel document) {
  std::uint64_t size = 0;
  while (const auto part = co_await document.async_read()) size += part->size();
  co_return size;
}

struct Builder {
  rpc::fn<pb::Task(pb::Task)> build;
};

class door_keeper final : public rpc::interceptor {
 public:
  void open(rpc::call_info& call) override {
    if (call.remote->remote_peer != "me" && call.method.starts_with("shop."))
      throw rpc::failure{rpc::code::permission_denied, call.method + " is not for " + call.remote->remote_peer};
    call.headers.push_back("checked=yes");
  }
};

struct Timer {
  rpc::fn<std::chrono::milliseconds(std::chrono::milliseconds)> twice;
};

class Depot {
 public:
  explicit Depot(int parcels) : parcels_(parcels) {}
  int take(int count) {
    if (count > parcels_) throw duplex::rpc::failure{duplex::rpc::code::out_of_range, "not so many"};
    return parcels_ -= count;
  }
  duplex::rpc::stream<int> count_down() {
    for (int left = parcels_; left > 0; --left) co_yield left;
  }
  using rpc = duplex::rpc::methods<&Depot::take, &Depot::count_down>;

 private:
  std::atomic<int> parcels_;
};

struct Adder {
  rpc::fn<int(int, int)> add, multiply;
};

using add_atom = caf::atom_constant<caf::atom("add")>;

caf::behavior adding(caf::event_based_actor*) {
  return {[](add_atom, int a, int b) { return a + b; }};
}

}  // namespace shop

template <> struct duplex::rpc::custom<std::chrono::milliseconds> {
  static void write(token_writer& to, std::chrono::milliseconds value) { write_value(to, std::int64_t{value.count()}); }
  static void read(token_reader& from, std::chrono::milliseconds& into) {
    std::int64_t count = 0;
    read_value(from, count);
    into = std::chrono::milliseconds{count};
  }
  static std::string describe(describer&) { return "milliseconds"; }
};

TEST_CASE("rpc page: calls, options, failures", "[rpc]") {
  rpc_pair f;
  auto &me = f.near, &hub = f.far;
  seen<std::string> hints;
  REQUIRE(hub.serve(shop::orders(hints)));

  const auto orders = me.use<shop::Orders>("hub");
  const int number = orders.place({"tea", 2}).get();
  orders.hint("no sugar");
  CHECK(number == 42);
  CHECK(hints.wait_for(1).front() == "no sugar");

  const rpc::metadata headers{"token=secret"};
  auto tracking = orders.track(42, {.deadline = 2s, .headers = &headers});
  const auto where = tracking.get();
  const auto trailers = tracking.trailers();
  CHECK(where == "order 42 is on its way to me");
  CHECK(trailers == rpc::metadata{"depot=hub"});

  std::string seen;
  try {
    orders.place({"tea", 9}).get();
  } catch (const rpc::failure& why) {
    seen = why.what();
    if (why.code() == rpc::code::failed_precondition) {
      const auto stock = rpc::decode<shop::stock>(*rpc::msgpack(), why.status().details());
      seen += ", left are " + std::to_string(stock.left);
    }
  }
  CHECK(seen == "failed_precondition: not so many here, left are 7");

  { auto dropped = orders.track(42); }  // cancelled

  auto future = orders.place({"coffee", 1}).async(boost::asio::use_future);
  CHECK(future.get() == 42);
}

TEST_CASE("rpc page: calls within calls", "[rpc]") {
  rpc_pair f;
  auto &me = f.near, &hub = f.far;
  seen<std::string> hints;
  REQUIRE(hub.serve(shop::orders(hints)));
  const auto orders = me.use<shop::Orders>("hub");
  const rpc::fn<std::string()> both = [orders](const rpc::context& call) {
    return shop::place_and_track(orders, call);
  };
  const rpc::metadata headers{"token=secret"};
  CHECK(both({.headers = &headers}).get() == "order 42 is on its way to me");
}

TEST_CASE("rpc page: names instead of a struct", "[rpc]") {
  rpc_pair f;
  auto &me = f.near, &hub = f.far;
  const auto served = hub.handle("text.shout", [](std::string text) { return text + "!"; });
  REQUIRE(served);
  const auto loud = me.call_as<std::string>("text.shout", std::string{"hi"}).get();
  const auto shout = me.method<std::string(std::string)>("text.shout", "hub");
  CHECK(loud == "hi!");
  CHECK(shout("ho").get() == "ho!");
}

TEST_CASE("rpc page: a channel among the arguments", "[rpc]") {
  rpc_pair f;
  auto &me = f.near, &hub = f.far;
  REQUIRE(hub.serve(shop::Printer{.print = shop::print}));
  REQUIRE(hub.serve("document", [](channel ch) -> rpc::task<void> { co_await ch.async_write("twelve bytes"); }));

  auto document = me.open("hub", "document");
  REQUIRE(document);
  const auto size = me.use<shop::Printer>("hub").print(*document).get();
  CHECK(size == 12);
}

TEST_CASE("rpc page: codecs", "[rpc]") {
  rpc_pair f;
  auto &me = f.near, &hub = f.far;
  REQUIRE(hub.serve(shop::Timer{.twice = [](std::chrono::milliseconds time) { return 2 * time; }}));
  CHECK(me.use<shop::Timer>("hub", {.codec = "json"}).twice(21ms).get() == 42ms);

  const shop::Builder server{
      .build =
          [](pb::Task task) {
            task.set_name(task.name() + ", done");
            return task;
          },
  };
  REQUIRE(hub.serve(server));
  const auto builder = me.use<shop::Builder>("hub", {.codec = "protobuf"});
  pb::Task task;
  task.set_id(1);
  task.set_name("compile");
  CHECK(builder.build(task).get().name() == "compile, done");

  std::string text;
  try {
    me.method<int(shop::order)>("shop.Timer.twice", "hub")({"tea", 2}).get();
  } catch (const rpc::failure& why) {
    text = why.what();
  }
  CHECK(text == "invalid_argument: shop.Timer.twice: [0]: expected an integer, got a map");
}

TEST_CASE("rpc page: limits and interceptors", "[rpc]") {
  rpc_pair f;
  auto &me = f.near, &hub = f.far;
  seen<std::string> hints, lines;
  REQUIRE(hub.serve(shop::orders(hints), {.max_running = 100}));
  const auto log = [&](const log_record& line) { lines.add(line.text); };

  hub.set_limits({.bytes = 1 << 20, .elements = 10'000, .memory = 4 << 20, .depth = 16});
  hub.intercept(rpc::side::handler, rpc::logging(log));
  hub.intercept(rpc::side::handler, rpc::deadline_limit(5s));
  hub.intercept(rpc::side::handler, rpc::concurrency_limit(1000));
  hub.intercept(rpc::side::handler, [] { return std::make_unique<shop::door_keeper>(); });

  CHECK(me.use<shop::Orders>("hub").place({"tea", 1}).get() == 42);
  CHECK(lines.wait_for(1).front().starts_with("shop.Orders.place from me: ok, "));
}

TEST_CASE("rpc page: what a peer tells of itself", "[rpc]") {
  rpc_pair f;
  auto &me = f.near, &hub = f.far;
  seen<std::string> hints;
  std::ostringstream text;
  REQUIRE(hub.serve(shop::orders(hints)));

  const auto about = me.use<rpc::reflection>("hub");
  for (const auto& method : about.describe("shop.Orders").get().methods)
    text << method.name << method.signature << "  # " << method.kind << ": " << method.doc << '\n';
  CHECK(text.str() ==
        "hint(string) -> nothing (one-way)  # one-way: \n"
        "place(shop.order) -> i32  # unary: places an order, gives its number\n"
        "track(i32) -> string  # unary: where an order is\n");

  hub.set_health("shop.Orders", false);
  CHECK(me.use<rpc::health>("hub").check("shop.Orders").get() == "not_serving");

  const auto who = me.use<rpc::introspection>("hub");
  CHECK(who.self().get().name == "hub");
  CHECK(who.caller().get().name == "me");
}

TEST_CASE("rpc page: a class that exists", "[rpc]") {
  rpc_pair f;
  auto &me = f.near, &hub = f.far;

  const auto served = hub.serve(std::make_shared<shop::Depot>(3));
  REQUIRE(served);
  const auto left = me.method<int(int)>("shop.Depot.take", "hub")(1).get();
  CHECK(left == 2);
}

TEST_CASE("rpc page: actors", "[rpc]") {
  rpc_pair f;
  auto &me = f.near, &hub = f.far;

  const auto actor = f.rt.system().spawn(shop::adding);
  shop::Adder methods;
  methods.add = rpc::on(actor, shop::add_atom::value);
  const auto served = hub.serve(methods);
  REQUIRE(served);

  const auto adder = rpc::as_actor(f.rt.system(), me.use<shop::Adder>("hub"));
  caf::scoped_actor self{f.rt.system()};
  int sum = 0;
  rpc::status why;
  const auto failed = [&](const caf::error& of) { why = rpc::from_caf(of); };
  self->request(adder, 10s, std::string{"add"}, 1, 2).receive([&](int got) { sum = got; }, failed);
  CHECK(sum == 3);
  self->request(adder, 10s, std::string{"multiply"}, 1, 2).receive([](int) {}, failed);
  CHECK(why.code() == rpc::code::unimplemented);
}
