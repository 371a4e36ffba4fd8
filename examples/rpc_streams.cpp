// SPDX-License-Identifier: BSD-2-Clause
// rpc_streams [ENDPOINT]: objects one after the other, from the server, from the client, and both ways; written by
// coroutines and into pipes, read by loops and by coroutines.
#include <duplex/rpc.hpp>

#include <boost/asio.hpp>

#include <cmath>
#include <iostream>

namespace rpc = duplex::rpc;

namespace demo {
struct point {
  double x = 0, y = 0;
};
struct Plotter {
  rpc::fn<rpc::stream<point>(int)> circle;                                       // server stream
  rpc::fn<double(rpc::stream<point>)> length;                                    // client stream
  rpc::fn<rpc::stream<std::string>(std::string, rpc::stream<std::string>)> ask;  // both ways
};
}  // namespace demo

// A server stream: whoever yields. It waits while the caller does not read, and is destroyed when that stops reading.
rpc::stream<demo::point> circle(int corners) {
  for (int i = 0; i < corners; ++i) {
    const double angle = 6.283185 * i / corners;
    demo::point next{std::cos(angle), std::sin(angle)};
    co_yield next;
  }
}

// A client stream is an argument, the last one.
rpc::task<double> length(rpc::stream<demo::point> line) {
  double sum = 0;
  std::optional<demo::point> before;
  while (const auto next = co_await line.next()) {
    if (before) sum += std::hypot(next->x - before->x, next->y - before->y);
    before = *next;
  }
  co_return sum;
}

// Both ways: an answer for each question, while they come.
rpc::stream<std::string> ask(std::string who, rpc::stream<std::string> questions) {
  while (const auto question = co_await questions.next()) co_yield *question + "? Ask " + who + " again tomorrow.";
}

// The client as a coroutine: one stream goes straight into another call.
rpc::task<void> measure(const demo::Plotter plotter) {
  auto points = plotter.circle(360);
  auto circumference = plotter.length(std::move(points));
  const auto sum = co_await std::move(circumference);
  std::cout << "around it is " << std::round(sum * 100) / 100 << '\n';
}

int main(int argc, char** argv) try {
  const auto key = duplex::key::generate();  // one key for both; real peers keep theirs in files
  duplex::runtime rt;
  rpc::peer hub = rt.spawn_peer({.name = "hub", .identity = key.text(), .authorized_keys = key.public_line()});
  const auto served = hub.serve(demo::Plotter{.circle = circle, .length = length, .ask = ask});
  const auto at = hub.bind(argc > 1 ? argv[1] : "tcp://127.0.0.1:0");
  rpc::peer me = rt.spawn_peer({.name = "me", .identity = key.text(), .host_key = key.fingerprint()});
  if (!served || !at || !me.connect(at->str())) return std::cerr << "no connection\n", 1;
  const auto plotter = me.use<demo::Plotter>("hub");

  // A list is a stream, too.
  const std::vector<demo::point> corner{{0, 0}, {3, 0}, {3, 4}};
  std::cout << "the way is " << plotter.length(corner).get() << '\n';

  // Leaving the loop early tells the other side, which stops.
  for (const auto& point : plotter.circle(1'000'000'000)) {
    std::cout << "the first is " << point.x << ',' << point.y << '\n';
    break;
  }

  boost::asio::io_context io;
  boost::asio::co_spawn(io, measure(plotter), boost::asio::detached);
  io.run();

  // Whoever cannot yield, a thread for instance, writes into a pipe. Here the questions wait for the answers.
  auto [out, in] = rpc::pipe<std::string>();
  auto answers = plotter.ask("me", std::move(in));
  for (const auto* question : {"why", "when"}) {
    out.put(question);
    std::cout << answers.get().value_or("none") << '\n';
  }
  out.close();
  std::cout << (answers.get() ? "more" : "that was all") << '\n';
} catch (const rpc::failure& why) {
  return std::cerr << why.what() << '\n', 1;
}
