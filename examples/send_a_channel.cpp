// SPDX-License-Identifier: BSD-2-Clause
// send_a_channel [ENDPOINT]: a client asks a broker, which sends the client's channel on to a worker. Within the
// worker's process the channel goes on as a message between actors, and the answer comes on it.
#include <duplex/duplex.hpp>

#include <caf/blocking_actor.hpp>
#include <caf/send.hpp>

#include <iostream>

using namespace std::chrono_literals;
using boost::asio::awaitable;

// An actor with a thread of its own, so it may block. Its message is a channel, wherever that came from.
void clerk(caf::blocking_actor* self) {
  self->receive(
      [](duplex::channel& ch) {
        const auto about = ch.meta();
        const auto question = ch.read_frame();
        if (!about || !question || about->relayed.empty()) return;  // that closes the channel
        const auto& origin = about->relayed.front();                // its name and the fingerprint of its key
        std::cout << "worker: " << question->view() << " (" << about->service << ", from "
                  << origin.substr(0, origin.find(' ')) << " by " << about->remote_peer << ")\n";
        (void)ch.write_frame("42");  // if that fails, so does the client's reading
        (void)ch.write_trailers({"status=0", "by=" + about->local_peer});
      },
      caf::after(10s) >> [] {});
}

// What the broker does with each channel for "sums": sends it over the worker's. It then carries what passes between
// the two ends, both ways, what has arrived before included.
awaitable<void> pass_on(duplex::channel to_worker, duplex::channel ch) {
  const auto sent = co_await to_worker.async_send(ch);
  if (sent) co_return;
  const std::vector<std::string> last{"status=10", "reason=" + sent.error().message()};
  (void)co_await ch.async_write_trailers(last);
}

int fail(const duplex::error& why) { return std::cerr << why.message() << '\n', 1; }

int main(int argc, char** argv) {
  const auto key = duplex::key::generate();  // one key for all; real peers keep theirs in files
  duplex::runtime rt;
  auto broker = rt.spawn_peer({.name = "broker", .identity = key.text(), .authorized_keys = key.public_line()});
  const auto at = broker.bind(argc > 1 ? argv[1] : "tcp://127.0.0.1:0");
  if (!at) return fail(at.error());
  auto worker = rt.spawn_peer({.name = "worker", .identity = key.text(), .host_key = key.fingerprint()});
  auto client = rt.spawn_peer({.name = "client", .identity = key.text(), .host_key = key.fingerprint()});
  for (auto* one : {&worker, &client})
    if (const auto up = one->connect(at->str()); !up) return fail(up.error());

  // The worker offers itself: what the broker sends over this channel is work.
  if (const auto ok = broker.serve("workers"); !ok) return fail(ok.error());
  auto work = worker.open("broker", "workers");
  if (!work) return fail(work.error());
  const auto to_worker = broker.accept("workers");
  if (!to_worker) return fail(to_worker.error());
  const auto served = broker.serve("sums", [to_worker](duplex::channel ch) { return pass_on(*to_worker, ch); });
  if (!served) return fail(served.error());

  auto sum = client.open("broker", "sums");
  if (!sum) return fail(sum.error());
  (void)sum->write_frame("6 * 7");  // if that fails, so does the reading
  auto got = work->accept();        // the channel that the client opened
  if (!got) return fail(got.error());
  caf::anon_send(rt.system().spawn(clerk), std::move(*got));

  const auto answer = sum->read_frame();
  if (!answer) return fail(answer.error());
  std::cout << "client: " << answer->view() << '\n';
  const auto last = sum->trailers();
  if (!last) return fail(last.error());
  for (const auto& line : *last) std::cout << "client: " << line << '\n';
}
