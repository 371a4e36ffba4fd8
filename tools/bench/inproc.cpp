// SPDX-License-Identifier: BSD-2-Clause
// What happens inside one process, by Google Benchmark: two peers on one worker, which is this thread, with a channel
// over inproc between them. reader=actor|coroutine.
#include "tools/bench/duplex_sides.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

namespace bench {
namespace {

using boost::asio::awaitable;

constexpr std::int64_t batch = 1000;

/// Hub and client in one runtime, the hub's services as in bench_duplex.
class both_sides {
 public:
  both_sides() {
    run([](both_sides& me) -> awaitable<void> {
      const auto at = value_of(co_await me.hub_.async_bind("inproc://bench")).str();
      co_await offer(me.hub_, me.rt_.system());
      value_of(co_await me.client_.async_connect(at));
    }(*this));
  }
  void run(awaitable<void> body) {
    io_.restart();
    boost::asio::co_spawn(io_, std::move(body), [&](const std::exception_ptr& why) {
      if (why) std::rethrow_exception(why);
      io_.stop();
    });
    io_.run();
  }
  duplex::channel open(std::string_view service) {
    duplex::channel opened;
    run([](duplex::peer& me, std::string name, duplex::channel& into) -> awaitable<void> {
      into = value_of(co_await me.async_open("hub", name));
    }(client_, std::string(service), opened));
    return opened;
  }
  void run_until(const bool& over) {
    io_.restart();
    while (!over) io_.run_one();
  }
  caf::actor_system& system() { return rt_.system(); }

 private:
  boost::asio::io_context io_{1};
  duplex::runtime rt_{io_};
  duplex::peer hub_ = rt_.spawn_peer(peer_settings("hub")), client_ = rt_.spawn_peer(peer_settings("me"));
};

both_sides& sides() {
  static auto& made = *new both_sides;
  return made;
}

/// The median over the batches of a benchmark, per round trip in us; Google Benchmark itself keeps the mean.
class batches {
 public:
  void begin() { begun_ = clock::now(); }
  void end() { took_.push_back(std::chrono::duration<double, std::micro>(clock::now() - begun_).count() / batch); }
  double median() {
    const auto middle = took_.begin() + static_cast<std::ptrdiff_t>(took_.size() / 2);
    std::nth_element(took_.begin(), middle, took_.end());
    return *middle;
  }

 private:
  clock::time_point begun_;
  std::vector<double> took_;
};

/// Pings until told to stop; each batch of pings is one iteration of the benchmark.
struct countdown {
  std::int64_t left = 0;
  bool over = false;
  bool done() { return over = --left <= 0; }
};

caf::behavior ping_channel(caf::event_based_actor* self, const duplex::channel_actor& on, countdown* trips) {
  self->set_default_handler(caf::drop);
  subscribe(self, on, [] {});
  const auto ping = duplex::make_frames(std::string(small_size, 'x'));
  return {[=](duplex::write_atom) { self->send(on, duplex::write_atom_v, ping, 0u); },
          [=](duplex::frames_atom, const duplex::frames& got) {
            const auto consumed = static_cast<std::uint32_t>(got.wire_size());
            if (trips->done()) return self->send(on, duplex::credit_atom_v, consumed);
            self->send(on, duplex::write_atom_v, ping, consumed);
          }};
}

void frame_round_trip(benchmark::State& state) {
  auto channel = sides().open("echo");
  countdown trips;
  const auto pinger = sides().system().spawn(ping_channel, channel.release(), &trips);
  batches all;
  for (auto _ : state) {
    all.begin();
    trips = {batch};
    caf::anon_send(pinger, duplex::write_atom_v);
    sides().run_until(trips.over);
    all.end();
  }
  state.counters["us"] = all.median();
  caf::anon_send_exit(pinger, caf::exit_reason::user_shutdown);
}

awaitable<void> ping_in_coroutine(duplex::channel& on) {
  const std::string frame(small_size, 'x');
  for (std::int64_t i = 0; i < batch; ++i) {
    must(co_await on.async_write_frame(frame));
    value_of(co_await on.async_read_frame());
  }
}

void frame_round_trip_in_coroutines(benchmark::State& state) {
  auto channel = sides().open("echo-coroutine");
  batches all;
  for (auto _ : state) {
    all.begin();
    sides().run(ping_in_coroutine(channel));
    all.end();
  }
  state.counters["us"] = all.median();
}

awaitable<void> send_batch(duplex::channel& on) {
  const std::string frame(small_size, 'x');
  for (std::int64_t i = 0; i < batch; ++i) must(co_await on.async_write_frame(frame));
}

/// Until the receiver has answered the last, so that what is counted has arrived.
void frames_one_way(benchmark::State& state, const char* service) {
  auto channel = sides().open(service);
  for (auto _ : state) sides().run(send_batch(channel));
  sides().run([](duplex::channel& on, std::uint64_t sent) -> awaitable<void> {
    must(co_await on.async_write_frame("L"));
    const auto answer = value_of(co_await on.async_read_frame());
    if (as_tally(answer.view()).frames != sent) fail("frames are missing");
  }(channel, static_cast<std::uint64_t>(state.iterations() * batch)));
  state.SetItemsProcessed(state.iterations() * batch);
}

caf::behavior pong(caf::event_based_actor*) {
  return {[](std::int64_t n) { return n; }};
}

caf::behavior ping(caf::event_based_actor* self, const caf::actor& to, countdown* trips) {
  return {[=](std::int64_t n) {
    if (!trips->done()) self->send(to, n);
  }};
}

void actor_round_trip(benchmark::State& state) {
  const auto far = sides().system().spawn(pong);
  countdown trips;
  const auto near = sides().system().spawn(ping, far, &trips);
  batches all;
  for (auto _ : state) {
    all.begin();
    trips = {batch};
    caf::anon_send(near, std::int64_t{1});
    sides().run_until(trips.over);
    all.end();
  }
  state.counters["us"] = all.median();
  for (const auto& one : {near, far}) caf::anon_send_exit(one, caf::exit_reason::user_shutdown);
}

/// What each benchmark is called for bench.py: a round trip in us, or a rate.
class figures : public benchmark::ConsoleReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const auto& one : runs) {
      const auto trip = one.counters.find("us");
      report(one.run_name.function_name,
             trip != one.counters.end() ? trip->second.value : one.counters.at("items_per_second").value);
    }
  }
};

void run_inproc(const std::string&, const settings& with) {
  const bool coroutines = setting(with, "reader", "actor") == "coroutine";
  const auto time = measured_time().count();
  const auto one_way = [=](benchmark::State& state) {
    frames_one_way(state, coroutines ? "count-coroutine" : "count");
  };
  benchmark::RegisterBenchmark("p50", coroutines ? frame_round_trip_in_coroutines : frame_round_trip)
      ->UseRealTime()
      ->MinTime(time);
  benchmark::RegisterBenchmark("frames", one_way)->UseRealTime()->MinTime(time);
  if (!coroutines) benchmark::RegisterBenchmark("actor_round_trip", actor_round_trip)->UseRealTime()->MinTime(time);
  figures out;
  benchmark::RunSpecifiedBenchmarks(&out);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::main(argc, argv, {{"inproc", {nullptr, bench::run_inproc}}}); }
