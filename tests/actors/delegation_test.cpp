// SPDX-License-Identifier: BSD-2-Clause
// Under CAF's deterministic scheduler, without a socket: how many messages an open and a write take.
#include "actors/peer_actor.hpp"
#include "tests/actors/support.hpp"

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>

using namespace duplex;
using namespace duplex::test;

namespace {

struct test_carrier final : transport::carrier {
  void changed(transport::stream&) override { ++changes; }
  int changes = 0;
};

struct test_stream final : transport::stream {
  using transport::stream::stream;
  void remote_accepts() {
    accepted_ = true;
    tell();
  }
  void remote_sends(std::string_view data) {
    data_.append(data.data(), data.size());
    tell();
  }
  void remote_closes() {
    closed_ = true;
    tell();
  }
  void set_channel(caf::actor channel) { channel_ = std::move(channel); }
  [[nodiscard]] bool let_go() const { return released_; }
};

struct deterministic_config : caf::actor_system_config {
  deterministic_config() { set("scheduler.policy", caf::atom("testing")); }
};

// A peer, and in place of its session an actor that makes channels on a stream without a socket.
struct bench {
  bench() : stream(carrier, settings) {
    using transport::session_info;
    settings.name = "me";
    settings.identity = test_key().text();
    session = system.spawn([this](caf::event_based_actor* self) -> caf::behavior {
      return {[this, self](open_atom, std::string& service, std::vector<std::string>& headers) {
        channel = self->spawn<detail::channel_core>(
            transport::channel_setup{
                nullptr, stream, {}, about, std::move(service), std::move(headers), {}, true, false},
            detail::channel_limits{1000, 1000, 1});
        stream.set_channel(caf::actor_cast<caf::actor>(caf::actor_cast<caf::strong_actor_ptr>(channel)));
        auto promise = self->make_response_promise();
        promise.delegate(caf::actor_cast<caf::actor>(caf::actor_cast<caf::strong_actor_ptr>(channel)), open_atom_v);
        return promise;
      }};
    });
    session_info known;
    known.remote_name = "hub";
    known.remote_key = "SHA256:x";
    known.native = true;
    about = std::make_shared<session_info>(known);
    peer = system.spawn<detail::peer_core>(nullptr, settings, result<key>{test_key()});
    caf::anon_send(peer, attach_atom_v, session);
    self->request(peer, caf::infinite, up_atom_v, session, transport::session_info_ptr{about});
    run();
  }
  ~bench() {
    caf::anon_send_exit(peer, caf::exit_reason::kill);
    caf::anon_send_exit(session, caf::exit_reason::kill);
    caf::anon_send_exit(channel, caf::exit_reason::kill);
    run();
  }

  /// Runs all that is ready, one message at a time; how many.
  std::size_t run() {
    std::size_t count = 0;
    while (coordinator.try_run_once()) ++count;
    return count;
  }

  options settings;
  test_carrier carrier;
  deterministic_config config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& coordinator = dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  test_stream stream;
  transport::session_info_ptr about;
  caf::actor session;
  detail::peer_core_actor peer;
  detail::channel_core_actor channel;
  caf::scoped_actor self{system, true};
};

}  // namespace

TEST_CASE("delegation: an open is one message from peer to session to channel, and one answer to the asker",
          "[delegation]") {
  bench b;
  auto answer = b.self->request(b.peer, patience, open_atom_v, std::string{"hub"}, std::string{"s"},
                                std::vector<std::string>{"h"});
  CHECK(b.run() == 3);  // peer, session, channel; nobody waits but the asker
  b.stream.remote_accepts();
  CHECK(b.run() == 1);  // the channel looks at its stream
  bool opened = false;
  answer.receive([&](channel_actor& ch) { opened = ch == b.channel; },
                 [](caf::error& why) { FAIL(from_caf(why).message()); });
  CHECK(opened);
}

TEST_CASE("delegation: a batch of frames is one message in and one message out", "[delegation]") {
  bench b;
  auto answer =
      b.self->request(b.peer, patience, open_atom_v, std::string{"hub"}, std::string{"s"}, std::vector<std::string>{});
  b.run();
  b.stream.remote_accepts();
  b.run();
  answer.receive([](channel_actor&) {}, [](caf::error& why) { FAIL(from_caf(why).message()); });
  std::uint32_t got = 0;
  auto echo = b.system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    auto ch = caf::actor_cast<caf::actor>(caf::actor_cast<caf::strong_actor_ptr>(b.channel));
    self->request(ch, patience, subscribe_atom_v, caf::actor_cast<caf::strong_actor_ptr>(self), delivery::frames)
        .then([] {});
    return {[self, ch, &got](frames_atom, frames& batch) {
      got += batch.count();
      const auto size = static_cast<std::uint32_t>(batch.wire_size());
      self->send(ch, write_atom_v, std::move(batch), size);
    }};
  });
  b.run();
  frame_writer many;
  for (int i = 0; i < 50; ++i) many.put("frame");
  b.stream.remote_sends(many.take().image());
  CHECK(b.run() == 3);  // the channel looks, the user gets the batch, the channel gets it back
  CHECK(got == 50);
  CHECK(b.stream.queued() == 50 * 9);
  caf::anon_send_exit(echo, caf::exit_reason::kill);
  b.run();
  CHECK(b.stream.let_go());
}

TEST_CASE("delegation: what happens twice before the channel looks is told once", "[delegation]") {
  bench b;
  b.self->request(b.peer, patience, open_atom_v, std::string{"hub"}, std::string{"s"}, std::vector<std::string>{});
  b.run();
  b.stream.remote_accepts();
  b.stream.remote_sends(std::string_view{"\0\0\0\1x", 5});
  b.stream.remote_closes();
  CHECK(b.run() == 1);
  CHECK_FALSE(b.stream.let_go());  // one frame is still to be read
}

TEST_CASE("delegation: round robin is the peer's choice of whom to delegate to", "[delegation]") {
  bench b;
  std::vector<std::string> asked;
  std::vector<caf::actor> others;
  for (const std::string name : {"a", "b"}) {
    others.push_back(b.system.spawn([&asked, name](caf::event_based_actor*) -> caf::behavior {
      return {[&asked, name](open_atom, std::string&, std::vector<std::string>&) { asked.push_back(name); }};
    }));
    auto known = std::make_shared<transport::session_info>(*b.about);
    known->remote_name = name;
    caf::anon_send(b.peer, attach_atom_v, others.back());
    b.self->request(b.peer, patience, up_atom_v, others.back(), transport::session_info_ptr{known});
    b.run();
  }
  caf::anon_send_exit(b.session, caf::exit_reason::kill);
  b.run();
  for (int i = 0; i < 4; ++i)
    caf::anon_send(caf::actor_cast<caf::actor>(caf::actor_cast<caf::strong_actor_ptr>(b.peer)), open_atom_v,
                   std::string{}, std::string{"s"}, std::vector<std::string>{});
  b.run();
  CHECK(asked.size() == 4);
  CHECK(std::count(asked.begin(), asked.end(), "a") == 2);
  CHECK(std::count(asked.begin(), asked.end(), "b") == 2);
  for (const auto& other : others) caf::anon_send_exit(other, caf::exit_reason::kill);
  b.run();
}
