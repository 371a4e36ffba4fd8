// SPDX-License-Identifier: BSD-2-Clause
// Flow control and limits.
#include "tests/actors/support.hpp"
#include "tests/transport/folder.hpp"

#include <caf/all.hpp>

#include <fstream>

using namespace duplex;
using namespace duplex::test;

namespace {

// Sanitizers keep freed memory: what is resident then says nothing of what is used.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool memory_tells = false;
#else
constexpr bool memory_tells = true;
#endif

std::size_t resident_bytes() {
  std::ifstream statm{"/proc/self/statm"};
  std::size_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * 4096;
}

}  // namespace

TEST_CASE("limits: an announced frame of 4 GB ends its channel with both sizes and the option, others go on",
          "[limits]") {
  pair p;
  auto [near, far] = p.open();
  auto [near2, far2] = p.open();
  const auto before = resident_bytes();
  REQUIRE(near.write(std::string_view{"\xff\xff\xff\xffxxxx", 8}));
  const auto why = far.read_frame().error();
  CHECK(why.code() == errc::frame_too_large);
  CHECK(why.context().find("4294967295") != std::string::npos);
  CHECK(why.context().find("16777216") != std::string::npos);
  CHECK(why.context().find("max_frame") != std::string::npos);
  CHECK((!memory_tells || resident_bytes() < before + (8U << 20)));
  auto said = near.trailers();
  REQUIRE(said);
  CHECK(said->front() == "status=" + std::to_string(static_cast<int>(errc::frame_too_large)));
  REQUIRE(near2.write_frame("alive"));
  CHECK(far2.read_frame()->view() == "alive");
}

TEST_CASE("limits: a frame over the limit is refused where it is written", "[limits]") {
  pair p{options{.max_frame = 1000}};
  auto [near, far] = p.open();
  CHECK(near.write_frame(pattern(1001)).error().code() == errc::frame_too_large);
  CHECK(near.write_frames(make_frames(pattern(1001))).error().code() == errc::frame_too_large);
  CHECK(near.write_error(pattern(1001)).error().code() == errc::frame_too_large);
  REQUIRE(near.write_frame(pattern(1000)));
  CHECK(far.read_frame()->size() == 1000);
}

TEST_CASE("limits: a frame cut off by the end of the stream is an error that counts its bytes", "[limits]") {
  pair p;
  auto [near, far] = p.open();
  REQUIRE(near.write(std::string_view{"\0\0\0\x0ahalf", 8}));
  REQUIRE(near.close_write());
  const auto why = far.read_frame().error();
  CHECK(why.code() == errc::truncated);
  CHECK(why.context().find("4 bytes of a frame of 10") != std::string::npos);
}

TEST_CASE("limits: a reader that never reads stops its writer, costs little memory, and delays nobody", "[limits]") {
  pair p;
  auto [near, far] = p.open("stalled");
  auto [near2, far2] = p.open("busy");
  const auto before = resident_bytes();
  std::atomic<std::uint64_t> written{0};
  std::thread writer{[&near = near, &written] {
    const auto chunk = pattern(50'000);
    while (near.write(chunk)) written += chunk.size();
  }};
  // The other channel moves 64 MB while the first is stuck.
  std::thread busy{[&near2 = near2] {
    const auto chunk = pattern(1 << 20);
    for (int i = 0; i < 64; ++i) (void)near2.write_frame(chunk);
  }};
  for (int i = 0; i < 64; ++i) REQUIRE(far2.read_frame()->size() == 1 << 20);
  busy.join();
  const auto stuck = written.load();
  CHECK(stuck > 0);
  CHECK(stuck < (8U << 20));
  CHECK((!memory_tells || resident_bytes() < before + (24U << 20)));  // both ends of two channels, in one process
  REQUIRE(far.close());
  writer.join();  // the writer's wait ends with the channel
}

TEST_CASE("limits: what a stalled reader left is all there when it reads at last", "[limits]") {
  pair p{options{.receive_window = 100'000}};
  auto [near, far] = p.open();
  constexpr std::size_t size = 6'000'000;
  std::thread writer{[&near = near] {
    for (std::size_t at = 0; at < size; at += 60'000) (void)near.write(pattern(60'000, at));
    (void)near.close();
  }};
  CHECK((read_all(far) == pattern(size)));
  writer.join();
}

TEST_CASE("limits: a window of one byte still carries frames of any size", "[limits]") {
  pair p{options{.receive_window = 1}};
  auto [near, far] = p.open();
  const std::vector<std::size_t> sizes{1, 70'000, 2'000'000, 3};
  std::thread writer{[&, &near = near] {
    for (const auto size : sizes) (void)near.write_frame(pattern(size));
    (void)near.write(pattern(300'000));
    (void)near.close();
  }};
  for (const auto size : sizes) {
    auto got = far.read_frame();
    if (!got) FAIL(got.error().message());
    CHECK((got->view() == pattern(size)));
  }
  CHECK((read_all(far) == pattern(300'000)));
  writer.join();
}

TEST_CASE("limits: bulk both ways on one channel", "[limits]") {
  pair p;
  auto [near, far] = p.open();
  constexpr std::size_t size = 30'000'000, chunk = 100'000;
  const auto pump = [](channel& through) {
    for (std::size_t at = 0; at < size; at += chunk) (void)through.write(pattern(chunk, at));
    (void)through.close_write();
  };
  std::thread a{[&, &near = near] { pump(near); }}, b{[&, &far = far] { pump(far); }};
  std::string at_near;
  std::thread c{[&, &near = near] { at_near = read_all(near); }};
  const auto at_far = read_all(far);
  a.join(), b.join(), c.join();
  const auto whole = pattern(size);
  CHECK((at_far == whole));
  CHECK((at_near == whole));
}

TEST_CASE("limits: keys are renewed every megabyte under two-way load, whatever signs for them", "[limits]") {
  const std::string kind = GENERATE("ed25519", "ecdsa", "rsa");
  const transport_tests::folder here;
  REQUIRE(std::system(("ssh-keygen -q -t " + kind + " -N '' -f " + here.path("id")).c_str()) == 0);
  const auto identity = key::load(here.path("id"));
  REQUIRE(identity);
  pair p{options{.identity = here.path("id"),
                 .authorized_keys = identity->public_line(),
                 .host_key = identity->fingerprint(),
                 .rekey_limit = 1U << 20}};
  auto [near, far] = p.open();
  constexpr std::size_t count = 150;
  const auto frame = pattern(50'000);
  std::thread echo{[&far = far] {
    while (auto f = far.read_frame())
      if (!far.write_frame(*f)) return;
  }};
  std::thread writer{[&, &near = near] {
    for (std::size_t i = 0; i < count; ++i) (void)near.write_frame(frame);
    (void)near.close_write();
  }};
  std::size_t good = 0;
  for (std::size_t i = 0; i < count; ++i) {
    auto f = near.read_frame();
    if (!f) FAIL(f.error().message());
    good += f->view() == frame;
  }
  CHECK(good == count);
  writer.join();
  (void)near.close();
  echo.join();
}

TEST_CASE("limits: an accept queue that is full refuses at once", "[limits]") {
  pair p{options{.accept_queue = 2}};
  REQUIRE(p.hub.serve("slow"));
  std::vector<channel> kept;
  for (int i = 0; i < 2; ++i) kept.push_back(*p.me.open("hub", "slow"));
  const auto why = p.me.open("hub", "slow").error();
  CHECK(why.code() == errc::resource_exhausted);
  CHECK(why.context().find("accept_queue") != std::string::npos);
  REQUIRE(p.hub.accept("slow"));
  CHECK(p.me.open("hub", "slow"));
}

TEST_CASE("limits: channels over max_channels are refused on either side", "[limits]") {
  SECTION("where they are opened") {
    pair p{options{}, options{.max_channels = 3}};
    REQUIRE(p.hub.serve("s"));
    std::vector<channel> kept;
    for (int i = 0; i < 3; ++i) kept.push_back(*p.me.open("hub", "s"));
    const auto why = p.me.open("hub", "s").error();
    CHECK(why.code() == errc::resource_exhausted);
    CHECK(why.context().find("max_channels") != std::string::npos);
  }
  SECTION("where they arrive") {
    pair p{options{.max_channels = 3}, options{}};
    REQUIRE(p.hub.serve("s"));
    std::vector<channel> kept;
    for (int i = 0; i < 3; ++i) kept.push_back(*p.me.open("hub", "s"));
    CHECK(p.me.open("hub", "s").error().code() == errc::refused);
    kept.pop_back();
    CHECK(eventually([&] { return p.me.open("hub", "s").has_value(); }));
  }
}

TEST_CASE("limits: headers over max_open_record are refused where they are given", "[limits]") {
  pair p;
  REQUIRE(p.hub.serve("s"));
  CHECK(p.me.open("hub", "s", {std::string(32'000, 'h')}));
  const auto why = p.me.open("hub", "s", {std::string(33'000, 'h')}).error();
  CHECK(why.code() == errc::resource_exhausted);
  CHECK(why.context().find("max_open_record") != std::string::npos);
}

TEST_CASE("limits: a subscriber gets no more than a window until it has consumed", "[limits]") {
  pair p{options{.receive_window = 100'000}};
  auto [near, far] = p.open();
  std::atomic<std::size_t> got{0};
  auto subscriber = p.rt.system().spawn([ch = far.actor(), &got](caf::event_based_actor* self) -> caf::behavior {
    self->set_default_handler(caf::drop);
    self->request(ch, patience, subscribe_atom_v, caf::actor_cast<caf::strong_actor_ptr>(self), delivery::frames)
        .then([] {});
    return {[&got](frames_atom, frames& batch) { got += batch.wire_size(); },
            [self, ch](credit_atom, std::uint32_t bytes) { self->send(ch, credit_atom_v, bytes); }};
  });
  std::atomic<std::size_t> written{0};
  constexpr std::size_t total = 200 * 50'004;
  std::thread writer{[&near = near, &written] {
    const auto frame = pattern(50'000);
    for (int i = 0; i < 200 && near.write_frame(frame); ++i) written += frame.size() + 4;
  }};
  REQUIRE(eventually([&] { return got.load() >= 100'000; }));
  // Another channel's round trips give the first all the time it needs to overrun its window, if it does.
  for (int i = 0; i < 200; ++i) REQUIRE(p.me.ping("hub"));
  CHECK(got.load() < 2'000'000);
  CHECK(written.load() < total);
  std::size_t credited = 0;
  CHECK(eventually([&] {
    const auto seen_now = got.load();
    if (seen_now > credited)
      caf::anon_send(subscriber, credit_atom_v,
                     static_cast<std::uint32_t>(seen_now - std::exchange(credited, seen_now)));
    return seen_now == total;
  }));
  writer.join();
  caf::anon_send_exit(subscriber, caf::exit_reason::user_shutdown);
}

TEST_CASE("limits: the end of the stream waits for what the window held back", "[limits]") {
  pair p{options{.receive_window = 100'000}};
  auto [near, far] = p.open();
  constexpr int count = 24;
  for (int i = 0; i < count; ++i) REQUIRE(near.write_frame(pattern(50'000)));
  REQUIRE(near.close_write());
  REQUIRE(near.flush());
  for (int i = 0; i < 20; ++i) REQUIRE(p.me.ping("hub"));  // by then the end has arrived behind the bytes
  int got = 0;
  error end;
  for (;;) {
    auto f = far.read_frame();
    if (!f) {
      end = f.error();
      break;
    }
    got += f->size() == 50'000;
  }
  CHECK(got == count);
  CHECK(end.code() == errc::end_of_stream);
}

TEST_CASE("limits: a reader that changes from frames to bytes gets its window back", "[limits]") {
  pair p{options{.receive_window = 100'000}};
  auto [near, far] = p.open();
  std::thread writer{[&near = near] {
    (void)near.write_frame(pattern(150'000));
    for (int i = 0; i < 30; ++i) (void)near.write(pattern(100'000));
    (void)near.close();
  }};
  CHECK(far.read_frames()->pop_front().size() == 150'000);
  CHECK(read_all(far).size() == 3'000'000);
  writer.join();
}
