// SPDX-License-Identifier: BSD-2-Clause
// Bare libssh: no framing, no actors, none of our code. transport=tcp|unix, busy_poll_us=0|50, by=loop|coroutine (rtt,
// rtt64). Small frames one way go gathered into 32 kB writes, and neither they nor bulk have lengths: the end of the
// data ends them, and is answered.
#include "tools/bench/libssh_coroutine.hpp"

#include <array>
#include <memory>
#include <optional>
#include <thread>

namespace bench::bare {
namespace {

/// The most that fits into one packet to a libssh peer. One packet per write was the fastest over TCP (1.9 GB/s; 1.5
/// with the whole MiB in one write, whose window then runs out before the adjustments are read) and as good over unix.
constexpr std::size_t packet = 32758;
constexpr std::size_t gathered = packet / small_size * small_size;
constexpr std::size_t kilobyte = 1024;

struct echo : channel_user {
  void received(channel& on, std::string_view bytes) override { on.on->write(on, bytes); }
};

/// Counts frames of one size, and answers at the end of the data.
template <std::size_t size> struct receiver : channel_user {
  void received(channel&, std::string_view bytes) override {
    if (held > 0) {
      const auto missing = std::min(size - held, bytes.size());
      bytes.copy(partial.get() + held, missing);
      bytes.remove_prefix(missing);
      if ((held += missing) < size) return;
      seen.add(partial.get(), size);
      if constexpr (size != small_size) partial.reset();
    }
    for (; bytes.size() >= size; bytes.remove_prefix(size)) seen.add(bytes.data(), size);
    if (!partial && !bytes.empty()) partial = std::make_unique_for_overwrite<char[]>(size);
    held = bytes.copy(partial.get(), bytes.size());
  }
  void ended(channel& on) override {
    on.on->write(on, {reinterpret_cast<const char*>(&seen), sizeof seen});
    on.on->end(on);
  }
  tally seen;
  std::size_t held = 0;
  std::unique_ptr<char[]> partial;  // a large one has memory of its own, for whoever would take it
};

mailbox coroutines_mail;

channel_user* serve_channel(std::string_view service, channel& of) {
  static echo all;
  if (service == "echo") return &all;
  if (service == "echo-coroutine") return &coroutines_mail;
  if (service == "small") of.owned = std::make_unique<receiver<small_size>>();
  if (service == "bulk") of.owned = std::make_unique<receiver<bulk_size>>();
  if (!of.owned) fail("no service " + std::string(service));
  return of.owned.get();
}

std::size_t busy_poll(const settings& with) { return setting(with, "busy_poll_us", std::size_t{0}); }

std::string serve(const settings& with) {
  static loop io{busy_poll(with)};
  const bool is_unix = setting(with, "transport", "tcp") == "unix";
  const auto at = io.listen(is_unix ? file("libssh.sock") : setting(with, "host", "127.0.0.1") + ":0", serve_channel);
  std::thread([] {
    io.until([] { return coroutines_mail.from() != nullptr; });
    echo_in_coroutine(io, coroutines_mail);
  }).detach();
  return at;
}

/// What came on a channel.
struct reply : channel_user {
  void opened(channel&) override { ++open; }
  void received(channel&, std::string_view bytes) override {
    size += bytes.size();
    if (bytes.size() <= sizeof(tally)) text += bytes;
  }
  std::size_t open = 0, size = 0;
  std::string text;
};

channel& open_one(loop& io, session& on, const char* service, channel_user& user) {
  auto& made = on.open(service, user);
  on.pump();
  io.until([&] { return made.is_open; });
  return made;
}

/// Opens many, not more in flight than elsewhere.
void open_all(loop& io, session& on, const char* service, std::size_t count, reply& user) {
  const auto first = user.open;
  for (std::size_t begun = 0; user.open - first < count;) {
    const auto open = user.open;
    for (; begun < count && begun - (open - first) < in_flight; ++begun) on.open(service, user);
    on.pump();
    if (user.open == open) io.wait();  // else the poll has already had answers
  }
}

void send_all(loop& io, channel& to, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = to.on->write_now(to, bytes.substr(0, packet));
    bytes.remove_prefix(written);
    if (written == 0) io.wait();
  }
}

/// Ends the data and waits for what the receiver has counted.
tally finish(loop& io, channel& of, const reply& from) {
  of.on->end(of);
  of.on->pump();
  io.until([&] { return from.text.size() >= sizeof(tally); });
  tally counted;
  from.text.copy(reinterpret_cast<char*>(&counted), sizeof counted);
  return counted;
}

void run_echo(const std::string& where, const settings& with) {
  if (setting(with, "by", "loop") == "coroutine") return run_echo_in_coroutine(where);
  reply got;
  loop io{busy_poll(with)};
  auto& to = open_one(io, io.dial(where), "echo", got);
  const std::string frame(small_size, 'x');
  round_trips trips;
  while (trips.lap()) {
    got.size = 0;
    got.text.clear();
    send_all(io, to, frame);
    io.until([&] { return got.size >= small_size; });
  }
  trips.report();
}

/// Sends what came at once: what came together goes back together.
struct repeater : channel_user {
  void received(channel& on, std::string_view bytes) override {
    held += bytes.size();
    is_over = is_over || done.done(held / small_size);
    held %= small_size;
    if (!is_over) on.on->write(on, bytes);
  }
  meter done;
  std::size_t held = 0;
  bool is_over = false;
};

void run_echo_in_flight(const std::string& where, const settings& with) {
  if (setting(with, "by", "loop") == "coroutine") return run_echo_in_flight_in_coroutine(where);
  loop io{busy_poll(with)};
  auto& on = io.dial(where);
  repeater user;
  auto& to = open_one(io, on, "echo", user);
  send_all(io, to, std::string(small_size * in_flight, 'x'));
  io.until([&] { return user.is_over; });
  report("per_second", user.done.rate());
}

template <std::size_t size> void run_send(const std::string& where, const settings& with) {
  reply got;
  loop io{busy_poll(with)};
  auto& to = open_one(io, io.dial(where), size == small_size ? "small" : "bulk", got);
  std::string gather;
  gather.reserve(gathered);
  one_way stream{size};
  for (auto frame = stream.next(); !frame.empty(); frame = stream.next()) {
    if constexpr (size == bulk_size) {
      send_all(io, to, frame);
    } else {
      gather += frame;
      if (gather.size() < gathered) continue;
      send_all(io, to, gather);
      gather.clear();
    }
  }
  send_all(io, to, gather);
  stream.finish(finish(io, to, got));
}

/// Opens the next when one is closed by both sides.
struct opener : channel_user {
  explicit opener(bool sends) : sends_frame(sends) {}
  void opened(channel& on) override {
    if (sends_frame)
      on.on->write(on, frame);
    else
      on.on->close(on);
  }
  void received(channel& on, std::string_view bytes) override {
    if (bytes.size() != small_size) fail("a frame of one packet came in several");
    on.on->close(on);
  }
  void closed(channel& on) override {
    is_over = is_over || done.done();
    if (!is_over) on.on->open("echo", *this);
  }
  const bool sends_frame;
  const std::string frame = std::string(small_size, 'x');
  meter done;
  bool is_over = false;
};

void run_open(const std::string& where, const settings& with) {
  opener user{setting(with, "frames", std::size_t{0}) > 0};
  loop io{busy_poll(with)};
  auto& on = io.dial(where);
  for (std::size_t i = 0; i < setting(with, "in_flight", std::size_t{1}); ++i) on.open("echo", user);
  on.pump();
  io.until([&] { return user.is_over; });
  report("per_second", user.done.rate());
}

/// All channels of a fan-out.
struct fan {
  meter done;
  bool is_over = false;
};

struct fan_channel : reply {
  explicit fan_channel(fan& of) : all(of) {}
  void received(channel& on, std::string_view bytes) override {
    held += bytes.size();
    if (held < kilobyte) return;
    held = 0;
    ++count;
    all.is_over = all.is_over || all.done.done();
    if (!all.is_over) on.on->write(on, frame());
  }
  static std::string_view frame() {
    static const std::string made(kilobyte, 'x');
    return made;
  }
  fan& all;
  std::size_t held = 0, count = 0;
};

void run_fanout(const std::string& where, const settings& with) {
  fan all;
  std::list<fan_channel> users;
  loop io{busy_poll(with)};
  auto& on = io.dial(where);
  std::vector<channel*> channels;
  for (std::size_t i = 0; i < setting(with, "channels", std::size_t{100}); ++i)
    channels.push_back(&open_one(io, on, "echo", users.emplace_back(all)));
  all.done = meter{};
  for (auto* one : channels) on.write(*one, fan_channel::frame());
  on.pump();
  io.until([&] { return all.is_over; });
  std::size_t total = 0, slowest = users.front().count;
  for (const auto& one : users) {
    total += one.count;
    slowest = std::min(slowest, one.count);
  }
  report("per_second", all.done.rate());
  report("slowest_share", double(slowest) * double(users.size()) / double(total));
}

void run_idle_channels(const std::string& where, const settings& with) {
  reply user;
  loop io{0};
  std::vector<session*> all;
  for (std::size_t i = 0; i < setting(with, "sessions", std::size_t{10}); ++i) all.push_back(&io.dial(where));
  mark("before");
  for (auto* one : all) open_all(io, *one, "echo", setting(with, "channels", std::size_t{1000}), user);
  mark("after");
}

/// A session is usable when it has one channel open.
void run_idle_sessions(const std::string& where, const settings& with) {
  const std::string bytes(4 * bulk_size, 'x');
  std::list<reply> users;
  loop io{0};
  std::vector<channel*> all;
  mark("before");
  for (std::size_t i = 0; i < setting(with, "sessions", std::size_t{1000}); ++i)
    all.push_back(&open_one(io, io.dial(where), "bulk", users.emplace_back()));
  mark("after");
  auto user = users.begin();
  for (auto* one : all) {
    send_all(io, *one, bytes);
    if (finish(io, *one, *user++).bytes != bytes.size()) fail("bytes were lost");
  }
  mark("after_bulk");
}

/// The client is authenticated when the server says so: nothing need be sent to know that both have checked. With
/// `channel`=1 it opens one, the least that lets two programs speak.
void run_connect(const std::string& where, const settings& with) {
  const bool channel = setting(with, "channel", std::size_t{0}) != 0;
  reply nobody;
  loop io{0};
  meter done;
  do {
    auto& on = io.dial(where);
    if (channel) open_one(io, on, "echo", nobody);
    io.drop(on);
  } while (!done.done());
  report("per_second", done.rate());
}

/// What calls are compared with.
void run_both_echoes(const std::string& where, const settings& with) {
  run_echo(where, with);
  run_echo_in_flight(where, with);
}

}  // namespace
}  // namespace bench::bare

int main(int argc, char** argv) {
  using namespace bench;
  using namespace bench::bare;
  return bench::main(argc, argv,
                     {{"rtt", {serve, run_echo}},
                      {"rtt64", {serve, run_echo_in_flight}},
                      {"rpc", {serve, run_both_echoes}},
                      {"frames", {serve, run_send<small_size>}},
                      {"bulk", {serve, run_send<bulk_size>}},
                      {"open", {serve, run_open}},
                      {"fanout", {serve, run_fanout}},
                      {"idle_channels", {serve, run_idle_channels}},
                      {"idle_sessions", {serve, run_idle_sessions}},
                      {"connect", {serve, run_connect}}});
}
