// SPDX-License-Identifier: BSD-2-Clause
// channel_of_channels [ENDPOINT]: a reader opens a channel to a library, and on it a child for each document. The
// library opens one back, to tell what it has lent. Closing the library's channel ends what is still open.
#include <duplex/duplex.hpp>

#include <boost/asio.hpp>

#include <iostream>
#include <map>

using boost::asio::awaitable;

using document = std::vector<std::string>;
const std::map<std::string, document> shelf{
    {"alice", {"Down the Rabbit-Hole", "The Pool of Tears"}},
    {"emma", {"Emma Woodhouse, handsome, clever, and rich", "had lived nearly twenty-one years"}},
    {"news", {"The library closes at six"}},
};

// Serves one child: writes the document of its name. Only the news are never at their end.
awaitable<void> lend(duplex::channel child, std::string name) {
  const auto found = shelf.find(name);
  if (found == shelf.end()) {
    const std::vector<std::string> last{"status=20", "reason=no document has this name"};
    (void)co_await child.async_write_trailers(last);
    co_return;
  }
  for (const auto& line : found->second)
    if (!co_await child.async_write_frame(line)) co_return;
  if (name != "news") (void)co_await child.async_close_write();
  while (co_await child.async_read_frame()) continue;  // until the reader, or the library, has closed it
}

// Takes the children that the reader opens, and opens one back. Ends when the library's channel does.
awaitable<void> librarian(duplex::channel ch) {
  auto told = co_await ch.async_open("progress");
  if (!told) co_return (void) co_await ch.async_close();  // else the reader would wait for it
  const auto executor = co_await boost::asio::this_coro::executor;
  while (auto child = co_await ch.async_accept()) {
    const auto about = co_await child->async_meta();
    if (!about) continue;  // it is gone already
    const auto lent = "asked for " + about->service;
    (void)co_await told->async_write_frame(lent);
    boost::asio::co_spawn(executor, lend(*child, about->service), boost::asio::detached);
  }
}

// The service. It closes its channel when the reader has no more to say, and with it all children.
awaitable<void> library(duplex::channel ch) {
  const auto executor = co_await boost::asio::this_coro::executor;
  boost::asio::co_spawn(executor, librarian(ch), boost::asio::detached);
  while (co_await ch.async_read_frame()) continue;
  (void)co_await ch.async_close();
}

// Reads all documents side by side. Each child has its own flow control: one that is not read holds up no other.
duplex::result<void> read(duplex::channel desk) {
  auto progress = desk.accept();
  if (!progress) return progress.error();
  std::map<std::string, duplex::channel> open;
  for (const std::string name : {"alice", "emma", "news", "ulysses"}) {
    auto child = desk.open(name);
    if (!child) return child.error();
    open[name] = *child;
    const auto told = progress->read_frame();
    if (!told) return told.error();
    std::cout << "progress: " << told->view() << '\n';
  }
  for (const std::string name : {"alice", "emma", "news", "alice", "emma"}) {
    const auto line = open[name].read_frame();
    if (!line) return line.error();
    std::cout << name << ": " << line->view() << '\n';
  }
  if (const auto ok = desk.close_write(); !ok) return ok;
  for (const std::string name : {"ulysses", "news"}) {
    const auto last = open[name].trailers();
    if (!last) return last.error();
    for (const auto& line : *last) std::cout << name << ": " << line << '\n';
  }
  return {};
}

int fail(const duplex::error& why) { return std::cerr << why.message() << '\n', 1; }

int main(int argc, char** argv) {
  const auto key = duplex::key::generate();
  duplex::runtime rt;
  auto hub = rt.spawn_peer({.name = "hub", .identity = key.text(), .authorized_keys = key.public_line()});
  if (const auto ok = hub.serve("library", library); !ok) return fail(ok.error());
  const auto at = hub.bind(argc > 1 ? argv[1] : "tcp://127.0.0.1:0");
  if (!at) return fail(at.error());
  auto me = rt.spawn_peer({.name = "me", .identity = key.text(), .host_key = key.fingerprint()});
  if (const auto up = me.connect(at->str()); !up) return fail(up.error());
  const auto desk = me.open("hub", "library");
  if (!desk) return fail(desk.error());
  const auto done = read(*desk);
  return done ? 0 : fail(done.error());
}
