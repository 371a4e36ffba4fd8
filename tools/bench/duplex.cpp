// SPDX-License-Identifier: BSD-2-Clause
// Duplex as its users write it: actors for what the goals say of actors, a thread with blocking calls where a program
// only writes, coroutines elsewhere. transport=tcp|unix, sessions=N, workers=N (of each process), busy_poll_us=N,
// by=actor|coroutine (rtt, rtt64), reader=actor|coroutine and sender=thread|coroutine (frames), client=ssh (bulk).
#include "tools/bench/duplex_sides.hpp"

#include <boost/asio/steady_timer.hpp>

#include <sys/wait.h>
#include <unistd.h>

namespace bench {
namespace {

using boost::asio::awaitable;

duplex::options client_settings(std::size_t sessions) {
  static int count = 0;
  auto made = peer_settings("me" + std::to_string(++count));
  made.sessions = sessions;
  return made;
}

}  // namespace

coroutine_client::coroutine_client(const std::string& address, std::size_t sessions)
    : peer_(rt_.spawn_peer(client_settings(sessions))) {
  run(connect(address, sessions));
}

awaitable<void> coroutine_client::connect(std::string address, std::size_t count) {
  value_of(co_await peer_.async_connect(address));
  for (;;) {
    const auto there = value_of(co_await peer_.async_peers());
    if (!there.empty() && there[0].sessions >= count) co_return;
    boost::asio::steady_timer pause{io_, std::chrono::milliseconds{1}};
    co_await pause.async_wait(boost::asio::use_awaitable);
  }
}

void coroutine_client::run(awaitable<void> body) {
  io_.restart();
  boost::asio::co_spawn(io_, std::move(body), [&](const std::exception_ptr& why) {
    if (why) std::rethrow_exception(why);
    io_.stop();
  });
  io_.run();
}

void coroutine_client::run_all(std::size_t count, const std::function<awaitable<void>(std::size_t)>& body) {
  io_.restart();
  std::size_t left = count;
  for (std::size_t i = 0; i < count; ++i)
    boost::asio::co_spawn(io_, body(i), [&](const std::exception_ptr& why) {
      if (why) std::rethrow_exception(why);
      if (--left == 0) io_.stop();
    });
  io_.run();
}

namespace {

awaitable<duplex::channel> open(coroutine_client& me, std::string_view service) {
  auto opened = co_await me.peer().async_open("hub", service);
  co_return value_of(std::move(opened));
}

awaitable<void> echo_one_by_one(coroutine_client& me) {
  const std::string frame(small_size, 'x');
  auto on = co_await open(me, "echo-coroutine");
  round_trips trips;
  while (trips.lap()) {
    must(co_await on.async_write_frame(frame));
    value_of(co_await on.async_read_frame());
  }
  trips.report();
}

void run_rtt(const std::string& address, const settings& with) {
  if (setting(with, "by", "actor") == "actor") return run_round_trips(address, with);
  coroutine_client me{address};
  me.run(echo_one_by_one(me));
}

/// Keeps in_flight frames under way; what came goes out again, as in the other programs.
awaitable<void> keep_in_flight(coroutine_client& me) {
  auto on = co_await open(me, "echo-coroutine");
  const std::string frame(small_size, 'x');
  for (std::size_t i = 0; i < in_flight; ++i) must(co_await on.async_write_frame(frame));
  for (meter done;;) {
    const auto batch = value_of(co_await on.async_read_frames());
    if (done.done(batch.count())) co_return report("per_second", done.rate());
    must(co_await on.async_write_frames(batch));
  }
}

void run_rtt64(const std::string& address, const settings& with) {
  if (setting(with, "by", "actor") == "actor") return run_in_flight(address, with);
  coroutine_client me{address};
  me.run(keep_in_flight(me));
}

awaitable<void> finish(duplex::channel on, tally& received) {
  must(co_await on.async_write_frame("L"));
  const auto answer = value_of(co_await on.async_read_frame());
  const auto one = as_tally(answer.view());
  received.frames += one.frames;
  received.sum += one.sum;
  received.bytes += one.bytes;
}

awaitable<void> send_small(coroutine_client& me, std::string service, one_way& stream, tally& received) {
  auto on = co_await open(me, service);
  for (auto frame = stream.next(); !frame.empty(); frame = stream.next())
    if (const auto ok = co_await on.async_write_frame(frame); !ok) must(ok);
  co_await finish(on, received);
}

/// The frame is made once and sent again and again, as the raw socket's client does with its buffer.
awaitable<void> send_bulk(coroutine_client& me, one_way& stream, tally& received) {
  auto on = co_await open(me, "count");
  const auto frame = duplex::make_frames(std::string(bulk_size, 'x'));
  while (!stream.next().empty()) must(co_await on.async_write_frames(frame));
  co_await finish(on, received);
}

/// A thread of the application's, whose peer runs on a worker.
void send_small_from_thread(const std::string& address, const std::string& service, const settings& with) {
  duplex::runtime rt{runtime_settings(with)};
  auto peer = rt.spawn_peer(client_settings(1));
  value_of(peer.connect(address));
  auto on = value_of(peer.open("hub", service));
  one_way stream{small_size};
  for (auto frame = stream.next(); !frame.empty(); frame = stream.next())
    if (const auto ok = on.write_frame(frame); !ok) must(ok);
  must(on.write_frame("L"));
  const auto answer = value_of(on.read_frame());
  stream.finish(as_tally(answer.view()));
}

/// One stream over all sessions together: of several, one thread runs a coroutine for each.
void run_frames(const std::string& address, const settings& with) {
  const auto sessions = setting(with, "sessions", std::size_t{1});
  const std::string service = setting(with, "reader", "actor") == "actor" ? "count" : "count-coroutine";
  if (sessions == 1 && setting(with, "sender", "thread") == "thread")
    return send_small_from_thread(address, service, with);
  coroutine_client me{address, sessions};
  tally received;
  one_way stream{small_size};
  me.run_all(sessions, [&](std::size_t) { return send_small(me, service, stream, received); });
  stream.finish(received);
}

/// ssh -W: raw bytes in and out of a stock client.
void run_bulk_by_ssh(const std::string& address) {
  const auto colon = address.rfind(':');
  const auto host = address.substr(address.find("//") + 2, colon - address.find("//") - 2);
  int in[2], out[2];
  if (pipe(in) != 0 || pipe(out) != 0) fail("pipe");
  if (fork() == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    for (const int fd : {in[0], in[1], out[0], out[1]}) close(fd);
    execlp("ssh", "ssh", "-F", "none", "-i", file("id").c_str(), "-o", "StrictHostKeyChecking=no", "-o",
           "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "Ciphers=aes128-gcm@openssh.com", "-p",
           address.substr(colon + 1).c_str(), "-W", "bytes:1", host.c_str(), nullptr);
    std::_Exit(127);
  }
  close(in[0]);
  close(out[1]);
  char ready;
  if (read(out[0], &ready, 1) != 1) fail("ssh has not connected");
  one_way stream{bulk_size};
  for (auto frame = stream.next(); !frame.empty(); frame = stream.next())
    for (std::size_t done = 0; done < frame.size();) {
      const auto n = write(in[1], frame.data() + done, frame.size() - done);
      if (n <= 0) fail("ssh is gone");
      done += static_cast<std::size_t>(n);
    }
  close(in[1]);
  tally received;
  for (std::size_t got = 0; got < sizeof received;) {
    const auto n = read(out[0], reinterpret_cast<char*>(&received) + got, sizeof received - got);
    if (n <= 0) fail("ssh ended without an answer");
    got += static_cast<std::size_t>(n);
  }
  stream.finish(received);
}

void run_bulk(const std::string& address, const settings& with) {
  if (setting(with, "client", "duplex") == "ssh") return run_bulk_by_ssh(address);
  const auto sessions = setting(with, "sessions", std::size_t{1});
  coroutine_client me{address, sessions};
  tally received;
  one_way stream{bulk_size};
  me.run_all(sessions, [&](std::size_t) { return send_bulk(me, stream, received); });
  stream.finish(received);
}

awaitable<void> call_one_by_one(coroutine_client& me) {
  const auto hub = me.peer().use<Bench>("hub");
  const sample sent;
  round_trips trips;
  while (trips.lap()) {
    auto call = hub.echo(sent);
    const auto got = co_await std::move(call);
    if (got.name != sent.name) fail("another answer");
  }
  trips.report();
}

awaitable<void> call_until_over(coroutine_client& me, meter& done, bool& over) {
  const auto hub = me.peer().use<Bench>("hub");
  const sample sent;
  while (!over) {
    auto call = hub.echo(sent);
    (void)co_await std::move(call);
    over = over || done.done();
  }
}

awaitable<void> read_objects(coroutine_client& me) {
  const auto hub = me.peer().use<Bench>("hub");
  auto stream = hub.objects(UINT64_MAX);
  meter done;
  std::uint64_t count = 0;
  do {
    if (!co_await stream.next()) fail("the stream has ended");
  } while (++count % 64 != 0 || !done.done(64));
  report("objects", done.rate());
}

void run_rpc(const std::string& address, const settings&) {
  coroutine_client me{address};
  me.run(call_one_by_one(me));
  meter done;
  bool over = false;
  me.run_all(in_flight, [&](std::size_t) { return call_until_over(me, done, over); });
  report("per_second", done.rate());
  me.run(read_objects(me));
}

awaitable<void> open_until_over(coroutine_client& me, bool with_frames, meter& done, bool& over) {
  const std::string frame(small_size, 'x');
  while (!over) {
    auto on = co_await open(me, with_frames ? "echo" : "ignore");
    if (with_frames) {
      must(co_await on.async_write_frame(frame));
      value_of(co_await on.async_read_frame());
    }
    must(co_await on.async_close());
    over = over || done.done();
  }
}

void run_open(const std::string& address, const settings& with) {
  coroutine_client me{address};
  const bool with_frames = setting(with, "frames", std::size_t{0}) == 1;
  meter done;
  bool over = false;
  me.run_all(setting(with, "in_flight", std::size_t{1}),
             [&](std::size_t) { return open_until_over(me, with_frames, done, over); });
  report("per_second", done.rate());
}

awaitable<void> echo_until_over(duplex::channel on, meter& done, bool& over, std::uint64_t& count) {
  const std::string frame(1024, 'x');
  while (!over) {
    must(co_await on.async_write_frame(frame));
    value_of(co_await on.async_read_frame());
    ++count;
    over = over || done.done();
  }
}

void run_fanout(const std::string& address, const settings& with) {
  coroutine_client me{address};
  const auto size = setting(with, "channels", std::size_t{1});
  std::vector<duplex::channel> channels(size);
  me.run_all(size, [&](std::size_t i) -> awaitable<void> { channels[i] = co_await open(me, "echo"); });
  std::vector<std::uint64_t> counts(size);
  meter done;
  bool over = false;
  me.run_all(size, [&](std::size_t i) { return echo_until_over(channels[i], done, over, counts[i]); });
  std::uint64_t sum = 0, least = UINT64_MAX;
  for (const auto one : counts) {
    sum += one;
    least = std::min(least, one);
  }
  report("per_second", done.rate());
  report("slowest_share", double(least) * double(size) / double(sum));
}

/// hold=actor: an actor of the application's would keep no more than the channel's address; hold=handle: a `channel`.
void run_idle_channels(const std::string& address, const settings& with) {
  const auto sessions = setting(with, "sessions", std::size_t{10});
  const auto count = sessions * setting(with, "channels", std::size_t{1000});
  const bool by_handle = setting(with, "hold", "actor") == "handle";
  coroutine_client me{address, sessions};
  std::vector<duplex::channel> handles(count);
  std::vector<duplex::channel_actor> actors(count);
  mark("before");
  for (std::size_t i = 0; i < count; ++i) {
    me.run([](coroutine_client& by, duplex::channel& into) -> awaitable<void> { into = co_await open(by, "ignore"); }(
                                                               me, handles[i]));
    if (!by_handle) actors[i] = std::exchange(handles[i], {}).release();
  }
  mark("after");
}

awaitable<void> send_four_megabytes(coroutine_client& me) {
  auto on = co_await open(me, "count");
  const auto frame = duplex::make_frames(std::string(bulk_size, 'x'));
  for (int i = 0; i < 4; ++i) must(co_await on.async_write_frames(frame));
  must(co_await on.async_write_frame("L"));
  value_of(co_await on.async_read_frame());
}

/// A peer keeps at most 64 sessions to one endpoint; a runtime per 50 of them would count against ours, so few of it.
void run_idle_sessions(const std::string& address, const settings& with) {
  constexpr std::size_t of_a_peer = 50;
  const auto sessions = setting(with, "sessions", std::size_t{1000});
  coroutine_client first{address};
  mark("before");
  std::vector<std::unique_ptr<coroutine_client>> clients;
  while (clients.size() * of_a_peer < sessions)
    clients.push_back(std::make_unique<coroutine_client>(address, of_a_peer));
  mark("after");
  for (auto& one : clients)
    for (std::size_t i = 0; i < of_a_peer; ++i) one->run(send_four_megabytes(*one));
  mark("after_bulk");
}

awaitable<void> connect_until_over(coroutine_client& me, std::string address) {
  meter done;
  do {
    must(co_await me.peer().async_disconnect(address));
    value_of(co_await me.peer().async_connect(address));
  } while (!done.done());
  report("per_second", done.rate());
}

void run_connect(const std::string& address, const settings&) {
  coroutine_client me{address};
  me.run(connect_until_over(me, address));
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  using namespace bench;
  return bench::main(argc, argv,
                     {{"rtt", {serve_all, run_rtt}},
                      {"rtt64", {serve_all, run_rtt64}},
                      {"rpc", {serve_all, run_rpc}},
                      {"frames", {serve_all, run_frames}},
                      {"bulk", {serve_all, run_bulk}},
                      {"open", {serve_all, run_open}},
                      {"fanout", {serve_all, run_fanout}},
                      {"idle_channels", {serve_all, run_idle_channels}},
                      {"idle_sessions", {serve_all, run_idle_sessions}},
                      {"connect", {serve_all, run_connect}}});
}
