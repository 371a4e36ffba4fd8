// SPDX-License-Identifier: BSD-2-Clause
// CAF's own remote actors (io middleman, BASP). security=none|tls. With TLS both sides check the other's certificate.
// The module has no setting for version and cipher: OpenSSL 3.0 negotiates TLS 1.3 with TLS_AES_256_GCM_SHA384 (seen by
// asking SSL_get_cipher in a preloaded SSL_read; others here have AES-128). CAF sets TCP_NODELAY itself.
#include "tools/bench/peers/caf_node.hpp"

#include <algorithm>
#include <thread>

namespace bench::remote {
namespace {

// CAF has no flow control: what a sender sends too fast is memory. As much is unanswered as fills the receiver's time.
constexpr std::uint64_t small_credit = 4096, bulk_credit = 8, object_batch = 1024, object_batches = 4;

struct receiver {
  tally seen;
  std::uint64_t unanswered = 0;
};

/// Serves all workloads.
caf::behavior serve_all(caf::stateful_actor<receiver>* self) {
  const auto sender = [self] { return caf::actor_cast<caf::actor>(self->current_sender()); };
  return {
      [](std::string& frame) { return std::move(frame); },
      [](sample& object) { return std::move(object); },
      [=](frame_atom, const std::string& frame) {
        auto& [seen, unanswered] = self->state;
        seen.add(frame.data(), frame.size());
        if (++unanswered < (frame.size() == small_size ? small_credit / 4 : 1)) return;
        self->send(sender(), credit_atom_v, std::exchange(unanswered, 0));
      },
      [=](finish_atom) {
        const auto& seen = self->state.seen;
        self->send(sender(), finish_atom_v, seen.frames, seen.sum, seen.bytes);
        self->state = {};
      },
      [=](stream_atom, std::uint64_t count) {
        const auto to = sender();
        for (std::uint64_t i = 0; i < count; ++i) self->send(to, sample{i});
      },
  };
}

std::string serve(const settings& with) {
  auto& on = *new node(with);  // lives until the process ends
  return on.publish(on.system.spawn(serve_all), setting(with, "host", "127.0.0.1"));
}

/// Runs an actor on the client's node until it quits.
template <class Body> void run_actor(const std::string& where, const settings& with, Body body) {
  node on(with);
  const auto server = on.remote(where);
  caf::scoped_actor self{on.system};
  const auto client = on.system.spawn([=](caf::event_based_actor* me) -> caf::behavior {
    me->monitor(server);
    me->set_down_handler([](caf::down_msg&) { fail("the server is gone"); });
    return body(me, server);
  });
  self->wait_for(client);
}

// Plain messages between two actors. request().then(), as in rpc, was as fast over a socket; a scoped_actor, which
// blocks a thread of its own, was not tried.
void run_echo(const std::string& where, const settings& with) {
  round_trips trips;
  run_actor(where, with, [&](caf::event_based_actor* self, const caf::actor& server) -> caf::behavior {
    const auto next = [self, server, &trips](std::string& frame) {
      if (trips.lap())
        self->send(server, std::move(frame));
      else
        self->quit();
    };
    std::string first(small_size, 'x');
    next(first);
    return {next};
  });
  trips.report();
}

template <class Message> void run_in_flight(const std::string& where, const settings& with, const Message& message) {
  meter done;
  run_actor(where, with, [&](caf::event_based_actor* self, const caf::actor& server) -> caf::behavior {
    for (std::size_t i = 0; i < in_flight; ++i) self->send(server, message);
    return {[self, server, &done](Message& got) {
      if (done.done())
        self->quit();
      else
        self->send(server, std::move(got));
    }};
  });
  report("per_second", done.rate());
}

void run_echo_in_flight(const std::string& where, const settings& with) {
  run_in_flight(where, with, std::string(small_size, 'x'));
}

void run_calls(const std::string& where, const settings& with) {
  round_trips trips;
  run_actor(where, with, [&](caf::event_based_actor* self, const caf::actor& server) -> caf::behavior {
    const auto next = [self, server, &trips](auto again) -> void {
      if (!trips.lap()) return self->quit();
      self->request(server, std::chrono::seconds(10), sample{})
          .then([again](const sample&) { again(again); }, [](const caf::error&) { fail("a call failed"); });
    };
    next(next);
    return {[](std::string&) {}};
  });
  trips.report();
}

struct calls_in_flight {
  caf::event_based_actor* self;
  caf::actor server;
  meter& done;
  void call() const {
    self->request(server, std::chrono::seconds(10), sample{})
        .then([*this](const sample&) { done.done() ? self->quit() : call(); },
              [](const caf::error&) { fail("a call failed"); });
  }
};

void run_calls_in_flight(const std::string& where, const settings& with) {
  meter done;
  run_actor(where, with, [&](caf::event_based_actor* self, const caf::actor& server) -> caf::behavior {
    for (std::size_t i = 0; i < in_flight; ++i) calls_in_flight{self, server, done}.call();
    return {[](std::string&) {}};
  });
  report("per_second", done.rate());
}

void run_objects(const std::string& where, const settings& with) {
  meter done;
  run_actor(where, with, [&](caf::event_based_actor* self, const caf::actor& server) -> caf::behavior {
    for (std::uint64_t i = 0; i < object_batches; ++i) self->send(server, stream_atom_v, object_batch);
    return {[self, server, &done](const sample& got) {
      if (done.done()) return self->quit();
      if (got.id + 1 == object_batch) self->send(server, stream_atom_v, object_batch);
    }};
  });
  report("objects", done.rate());
}

struct sender {
  caf::event_based_actor* self;
  caf::actor server;
  one_way stream;
  std::uint64_t credit;
  void fill() {
    for (; credit > 0; --credit) {
      const auto frame = stream.next();
      if (frame.empty()) {
        self->send(server, finish_atom_v);
        credit = 0;
        is_over = true;
        return;
      }
      self->send(server, frame_atom_v, std::string(frame));
    }
  }
  bool is_over = false;
};

template <std::size_t size> void run_send(const std::string& where, const settings& with) {
  run_actor(where, with, [](caf::event_based_actor* self, const caf::actor& server) -> caf::behavior {
    const auto state =
        std::make_shared<sender>(sender{self, server, one_way{size}, size == small_size ? small_credit : bulk_credit});
    state->fill();
    return {[state](credit_atom, std::uint64_t more) {
              if (state->is_over) return;
              state->credit += more;
              state->fill();
            },
            [state, self](finish_atom, std::uint64_t frames, std::uint64_t sum, std::uint64_t bytes) {
              state->stream.finish({frames, sum, bytes});
              self->quit();
            }};
  });
}

/// A node keeps one connection to another for as long as it lives, and remote_actor() gives that again: a connection
/// of its own is a node of its own, whose start (its threads) is in the figure.
void run_connect(const std::string& where, const settings& with) {
  meter done;
  do {
    node one(with);
    one.remote(where);
  } while (!done.done());
  report("per_second", done.rate());
}

settings with_policy(settings with, const char* policy) {
  with.try_emplace("policy", policy);
  return with;
}

/// The scheduler's policy of both nodes. Sharing wakes a worker for each message: seen 84 us per round trip, 240 with
/// stealing, whose workers sleep and look. That gathers messages: stealing had 130,000 per second with 64 in flight and
/// 350,000 frames one way, sharing 70,000 and 190,000. Workers of the middleman, or a second one here, gained nothing.
workload over(const char* policy, void (*run)(const std::string&, const settings&)) {
  return {[=](const settings& with) { return serve(with_policy(with, policy)); },
          [=](const std::string& where, const settings& with) { run(where, with_policy(with, policy)); }};
}

/// Two nodes, for what waits for each answer and for what does not.
std::string serve_rpc(const settings& with) {
  return serve(with_policy(with, "sharing")) + "," + serve(with_policy(with, "stealing"));
}

void run_rpc(const std::string& where, const settings& with) {
  const auto comma = where.find(',');
  run_calls(where.substr(0, comma), with_policy(with, "sharing"));
  run_calls_in_flight(where.substr(comma + 1), with_policy(with, "stealing"));
  run_objects(where.substr(comma + 1), with_policy(with, "stealing"));
}

}  // namespace
}  // namespace bench::remote

int main(int argc, char** argv) {
  using namespace bench;
  using namespace bench::remote;
  return bench::main(argc, argv,
                     {{"rtt", over("sharing", run_echo)},
                      {"rtt64", over("stealing", run_echo_in_flight)},
                      {"rpc", {serve_rpc, run_rpc}},
                      {"frames", over("stealing", run_send<small_size>)},
                      {"bulk", over("sharing", run_send<bulk_size>)},
                      {"connect", over("sharing", run_connect)},
                      {"inproc", {nullptr, run_inproc}}});
}
