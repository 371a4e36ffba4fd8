// SPDX-License-Identifier: BSD-2-Clause
// gateway [ENDPOINT]: a hub takes HTTP for a program that nobody can dial. That one dials the hub, and opens a `tunnel`
// for each host name that it answers for; each TCP connection becomes a child of one.
#include <duplex/duplex.hpp>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include <iostream>
#include <map>
#include <regex>
#include <thread>

namespace asio = boost::asio;
using namespace asio::experimental::awaitable_operators;
using asio::awaitable, asio::use_awaitable, asio::ip::tcp;
using tunnels = std::map<std::string, duplex::channel>;

// Runs the handler for each connection; one that throws ends its own connection only.
template <class Handler> awaitable<void> each(tcp::acceptor at, Handler handler) {
  for (;;) co_spawn(at.get_executor(), handler(co_await at.async_accept(use_awaitable)), asio::detached);
}

// The hub: keeps a tunnel under its host name while its channel is open.
awaitable<void> keep(tunnels& all, duplex::channel tunnel) {
  const auto about = co_await tunnel.async_meta();
  const std::string host{about ? about->header("host").value_or("") : ""};
  if (!all.emplace(host, tunnel).second) co_return;  // somebody has the name; that closes the channel
  (void)co_await tunnel.async_write("kept");
  while (co_await tunnel.async_read()) continue;
  all.erase(host);
}

// The hub: reads a connection until it knows the host, then joins it with a child of that host's tunnel.
awaitable<void> enter(tunnels& all, tcp::socket socket) {
  static const std::regex header{"\r\nhost: *([a-z0-9.-]{1,253})", std::regex::icase};
  asio::steady_timer late{socket.get_executor(), std::chrono::seconds{10}};
  std::string head;
  auto reading = asio::async_read_until(socket, asio::dynamic_buffer(head, 8192), "\r\n\r\n", use_awaitable);
  if ((co_await (std::move(reading) || late.async_wait(use_awaitable))).index() == 1) co_return;
  std::smatch found;
  const auto host = std::regex_search(head, found, header) ? found[1].str() : "";
  duplex::result<duplex::channel> child{duplex::errc::not_found, "no tunnel for '" + host + "'"};
  if (const auto at = all.find(host); at != all.end()) child = co_await at->second.async_open("http");
  const auto sorry = "HTTP/1.0 502 Bad Gateway\r\n\r\n" + child.error().message() + '\n';
  if (!child) co_return (void) co_await asio::async_write(socket, asio::buffer(sorry), use_awaitable);
  if (co_await child->async_write(head)) (void)co_await child->async_join(std::move(socket));
}

// Behind NAT: joins each child of the tunnel with a connection to the web server here.
awaitable<void> leave(duplex::channel child, tcp::endpoint web) {
  tcp::socket socket{co_await asio::this_coro::executor};
  co_await socket.async_connect(web, use_awaitable);
  (void)co_await child.async_join(std::move(socket));
}
awaitable<void> leave_all(duplex::channel tunnel, tcp::endpoint web) {
  const auto executor = co_await asio::this_coro::executor;
  while (auto child = co_await tunnel.async_accept()) co_spawn(executor, leave(*child, web), asio::detached);
}
awaitable<void> web_server(std::string name, tcp::socket socket) {
  std::string head, text = "HTTP/1.0 200 OK\r\n\r\nhello from " + name + '\n';
  co_await asio::async_read_until(socket, asio::dynamic_buffer(head, 8192), "\r\n\r\n", use_awaitable);
  co_await asio::async_write(socket, asio::buffer(text), use_awaitable);
}

int fail(const duplex::error& why) { return std::cerr << why.message() << '\n', 1; }

int main(int argc, char** argv) {
  asio::io_context io;
  tunnels all;
  const auto key = duplex::key::generate();
  duplex::runtime rt{io};
  tcp::acceptor http{io, {asio::ip::make_address("127.0.0.1"), 0}};
  const auto url = http.local_endpoint();
  co_spawn(io, each(std::move(http), [&](tcp::socket s) { return enter(all, std::move(s)); }), asio::detached);
  std::jthread thread{[&] { io.run(); }};
  const std::shared_ptr<void> stop{nullptr, [&](void*) { io.stop(); }};  // however main ends
  auto hub = rt.spawn_peer({.name = "hub", .identity = key.text(), .authorized_keys = key.public_line()});
  const auto ready = hub.serve("tunnel", [&](duplex::channel ch) { return keep(all, ch); });
  const auto at = hub.bind(argc > 1 ? argv[1] : "tcp://127.0.0.1:0");
  if (!ready || !at) return fail(!ready ? ready.error() : at.error());
  auto me = rt.spawn_peer({.name = "me", .identity = key.text(), .host_key = key.fingerprint()});
  if (const auto up = me.connect(at->str()); !up) return fail(up.error());
  for (const std::string host : {"shop", "blog"}) {
    auto tunnel = me.open("hub", "tunnel", {"host=" + host});
    if (!tunnel) return fail(tunnel.error());
    if (const auto kept = tunnel->read(); !kept) return fail(kept.error());
    tcp::acceptor web{io, {asio::ip::make_address("127.0.0.1"), 0}};
    co_spawn(io, leave_all(*tunnel, web.local_endpoint()), asio::detached);
    co_spawn(io, each(std::move(web), [host](tcp::socket s) { return web_server(host, std::move(s)); }),
             asio::detached);
  }
  for (const auto* host : {"shop", "blog", "nowhere"}) {
    tcp::iostream page{url};
    page << "GET / HTTP/1.0\r\nHost: " << host << "\r\n\r\n" << std::flush;
    std::cout << host << ':';
    for (std::string word; page >> word;) std::cout << ' ' << word;
    std::cout << '\n';
  }
}
