// SPDX-License-Identifier: BSD-2-Clause
#include "tests/actors/hub/services.hpp"

#include "tests/actors/hub/pattern.hpp"

#include <boost/asio/detached.hpp>

#include <unistd.h>

#include <atomic>
#include <utility>

namespace duplex::test {
namespace {

namespace asio = boost::asio;
template <class T = void> using awaitable = asio::awaitable<T>;
using text_list = std::vector<std::string>;

std::size_t number(const meta& about, std::string_view key) {
  return std::stoull(std::string{about.header(key).value_or("0")});
}
text_list index(std::size_t i) { return {"index=" + std::to_string(i)}; }
text_list status_of(const error& why) { return {"status=" + std::to_string(static_cast<int>(why.code()))}; }

text_list outcome(const checksum& of, const error& why) {
  text_list said{"size=" + std::to_string(of.size()), "sum=" + std::to_string(of.sum())};
  if (why.code() != errc::end_of_stream) said.push_back(status_of(why).front());
  return said;
}
text_list told(const meta& of) {
  text_list all{of.service, of.local_peer, of.remote_peer, of.remote_key};
  all.insert(all.end(), of.headers.begin(), of.headers.end());
  return all;
}

/// Frames come back, until the end of the stream.
awaitable<> echo(channel ch) {
  for (;;) {
    auto batch = co_await ch.async_read_frames();
    if (!batch) co_return;
    const auto sent = co_await ch.async_write_frames(*batch);
    if (!sent) co_return;
  }
}

awaitable<> echo_raw(channel ch) {
  for (;;) {
    auto some = co_await ch.async_read();
    if (!some) co_return;
    const auto sent = co_await ch.async_write(some->view());
    if (!sent) co_return;
  }
}

/// Reads to the end and says in trailers how it was: `size`, `sum` and, when it was none of end_of_stream, `status`.
awaitable<> drain(channel ch) {
  checksum all;
  error why;
  for (;;) {
    auto some = co_await ch.async_read();
    if (!some) {
      why = some.error();
      break;
    }
    all.add(some->view());
  }
  const auto said = outcome(all, why);
  (void)co_await ch.async_write_trailers(said);
}

/// Half-closed from the beginning; `drain` otherwise.
awaitable<> early(channel ch) {
  (void)co_await ch.async_close_write();
  co_await drain(ch);
}

/// As `drain`, but does not begin before it is given a child channel.
awaitable<> sleeper(channel ch) {
  auto woken = co_await ch.async_accept();
  if (woken) co_await drain(ch);
}

/// Answers with all that it read, once that has ended.
awaitable<> answer(channel ch) {
  std::string all;
  for (;;) {
    auto some = co_await ch.async_read();
    if (!some) break;
    all.append(some->view());
  }
  (void)co_await ch.async_write(all);
}

// How much `source` has been able to write, of all its channels.
std::atomic<std::uint64_t> sourced{0};

/// Writes `count` frames of `size` bytes, or just bytes when `raw` is given; ends with a `status` when it cannot.
awaitable<> source(channel ch) {
  const auto about = co_await ch.async_meta();
  if (!about) co_return;
  const auto count = number(*about, "count"), size = number(*about, "size");
  const bool raw = about->header("raw").has_value();
  for (std::size_t i = 0; i < count; ++i) {
    const auto piece = pattern(size, i * size);
    result<void> sent;
    if (raw)
      sent = co_await ch.async_write(piece);
    else
      sent = co_await ch.async_write_frame(piece);
    if (!sent) {
      const auto said = status_of(sent.error());
      (void)co_await ch.async_write_trailers(said);
      co_return;
    }
    sourced += size;
  }
}

/// One frame: what `source` has written since this was asked last.
awaitable<> progress(channel ch) {
  const auto text = std::to_string(sourced.exchange(0));
  (void)co_await ch.async_write_frame(text);
}

/// Each frame comes back as it is, and as an error frame.
awaitable<> errors(channel ch) {
  for (;;) {
    auto got = co_await ch.async_read_frame();
    if (!got) co_return;
    (void)co_await ch.async_write_error(got->view());
    (void)co_await ch.async_write_frame(got->view());
  }
}

/// What it read as error frames becomes data.
awaitable<> complaints(channel ch) {
  for (;;) {
    auto got = co_await ch.async_read_error();
    if (!got) co_return;
    (void)co_await ch.async_write_frame(got->view());
  }
}

/// The headers come back as trailers.
awaitable<> status(channel ch) {
  const auto about = co_await ch.async_meta();
  if (about) (void)co_await ch.async_write_trailers(about->headers);
}

/// What this side knows of the channel, each a frame, and then the headers.
awaitable<> about(channel ch) {
  const auto known = co_await ch.async_meta();
  if (!known) co_return;
  const auto all = told(*known);
  for (const auto& one : all) (void)co_await ch.async_write_frame(one);
}

/// Waits for the end.
awaitable<> hold(channel ch) { (void)co_await ch.async_read(); }

/// Echoes, and serves each child in the same way.
awaitable<> family(channel ch) {
  const auto executor = co_await asio::this_coro::executor;
  asio::co_spawn(executor, echo(ch), asio::detached);
  for (;;) {
    auto child = co_await ch.async_accept();
    if (!child) co_return;
    asio::co_spawn(executor, family(*child), asio::detached);
  }
}

/// Opens `count` children, which echo.
awaitable<> parent(channel ch) {
  const auto executor = co_await asio::this_coro::executor;
  const auto known = co_await ch.async_meta();
  if (!known) co_return;
  for (std::size_t i = 0; i < number(*known, "count"); ++i) {
    const auto headers = index(i);
    auto child = co_await ch.async_open("child", headers);
    if (!child) {
      const auto said = status_of(child.error());
      (void)co_await ch.async_write_trailers(said);
      co_return;
    }
    asio::co_spawn(executor, echo(*child), asio::detached);
  }
  (void)co_await ch.async_read();
}

/// Echoes on each channel that is sent here.
awaitable<> receive(channel ch) {
  const auto executor = co_await asio::this_coro::executor;
  for (;;) {
    auto sent = co_await ch.async_accept();
    if (!sent) co_return;
    asio::co_spawn(executor, echo(*sent), asio::detached);
  }
}

/// Opens `callback` at the opener and splices this channel with it.
awaitable<> back(peer* hub, channel ch) {
  const auto known = co_await ch.async_meta();
  if (!known) co_return;
  auto called = co_await hub->async_open(known->remote_peer, "callback", known->headers);
  if (!called) {
    const auto said = status_of(called.error());
    (void)co_await ch.async_write_trailers(said);
    co_return;
  }
  (void)co_await ch.async_join(*called);
}

/// Opens `callback` at the opener and sends that channel over this one.
awaitable<> give(peer* hub, channel ch) {
  const auto known = co_await ch.async_meta();
  if (!known) co_return;
  auto called = co_await hub->async_open(known->remote_peer, "callback");
  if (!called) co_return;
  (void)co_await ch.async_send(*called);
  (void)co_await ch.async_read();
}

/// Drops the opener, with the header `reason`.
awaitable<> drop(peer* hub, channel ch) {
  const auto known = co_await ch.async_meta();
  if (!known) co_return;
  const std::string reason{known->header("reason").value_or("")};
  (void)co_await hub->async_drop(known->remote_peer, reason);
}

/// The names of the remote peers, each a frame; then a ping to the opener, which `status` tells of.
awaitable<> peers(peer* hub, channel ch) {
  const auto all = co_await hub->async_peers();
  if (!all) co_return;
  for (const auto& one : *all) (void)co_await ch.async_write_frame(one.name);
  const auto known = co_await ch.async_meta();
  if (!known) co_return;
  const auto pong = co_await hub->async_ping(known->remote_peer);
  const auto said = status_of(pong.error());
  (void)co_await ch.async_write_trailers(said);
}

/// Shuts the hub down, and echoes on.
awaitable<> leave(peer* hub, channel ch) {
  hub->async_shutdown(asio::detached);
  co_await echo(ch);
}

/// The process group of the hub, as a frame.
awaitable<> process(channel ch) {
  const auto text = std::to_string(::getpgrp());
  (void)co_await ch.async_write_frame(text);
}

using plain = awaitable<> (*)(channel);
using knowing = awaitable<> (*)(peer*, channel);

constexpr std::pair<const char*, plain> plain_services[] = {
    {"echo", echo},       {"echo-raw", echo_raw},     {"drain", drain},   {"early", early},   {"sleeper", sleeper},
    {"answer", answer},   {"source", source},         {"errors", errors}, {"status", status}, {"progress", progress},
    {"about", about},     {"complaints", complaints}, {"hold", hold},     {"family", family}, {"parent", parent},
    {"receive", receive}, {"process", process},
};
constexpr std::pair<const char*, knowing> knowing_services[] = {
    {"back", back}, {"give", give}, {"drop", drop}, {"peers", peers}, {"leave", leave},
};

}  // namespace

result<void> serve_behaviour(peer& hub) {
  for (const auto& [name, serve] : plain_services)
    if (auto done = hub.serve(name, [serve = serve](channel ch) { return serve(std::move(ch)); }); !done) return done;
  for (const auto& [name, serve] : knowing_services) {
    auto done = hub.serve(name, [serve = serve, &hub](channel ch) { return serve(&hub, std::move(ch)); });
    if (!done) return done;
  }
  return hub.serve("queue");  // nobody ever accepts there
}

}  // namespace duplex::test
