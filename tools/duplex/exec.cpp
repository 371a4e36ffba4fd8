// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/async.hpp>

#include "tools/duplex/process.hpp"
#include "tools/duplex/services.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <csignal>

namespace duplex::tools {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

constexpr auto grace = std::chrono::seconds{2};  // between SIGTERM and SIGKILL
constexpr std::size_t pipe_size = 1U << 16;      // what Linux gives a pipe

// Shared by the coroutines of one channel, all on its worker.
struct job {
  job(channel c, std::unique_ptr<process> p, bool lines, const asio::any_io_executor& on)
      : ch(std::move(c)), shell(std::move(p)), by_lines(lines), changed(on) {}

  void set(bool& what) {
    what = true;
    changed.cancel();
  }
  [[nodiscard]] bool done() const { return ended && out_ended && err_ended; }

  channel ch;
  std::unique_ptr<process> shell;
  const bool by_lines;         // an error frame is shown as a line
  asio::steady_timer changed;  // cancelled whenever one of these is set
  bool ended = false, out_ended = false, err_ended = false, gone = false;
};
using job_ptr = std::shared_ptr<job>;

awaitable<void> feed_stdin(job_ptr on) {
  for (;;) {
    const auto data = co_await on->ch.async_read();
    if (!data) {
      boost::system::error_code ignored;
      on->shell->in.close(ignored);
      if (data.error().code() != errc::end_of_stream) on->set(on->gone);
      co_return;
    }
    // A process that does not read its stdin to the end still gets it taken: else the remote side would stall.
    boost::system::error_code deaf;
    if (on->shell->in.is_open())
      co_await asio::async_write(on->shell->in, asio::buffer(data->data(), data->size()),
                                 asio::redirect_error(asio::use_awaitable, deaf));
    if (deaf) on->shell->in.close(deaf);
  }
}

awaitable<void> take_stdout(job_ptr on) {
  std::vector<char> chunk(pipe_size);
  boost::system::error_code end;
  for (;;) {
    const auto n =
        co_await on->shell->out.async_read_some(asio::buffer(chunk), asio::redirect_error(asio::use_awaitable, end));
    if (end) break;
    const std::string_view data{chunk.data(), n};
    const auto written = co_await on->ch.async_write(data);
    if (!written) break;
  }
  on->shell->out.close(end);
  on->set(on->out_ended);
}

// On a stock client's session channel an error frame is a line, and gets its newline there: whole lines go, without the
// last one's end, and what is left of a line waits for it. Elsewhere the bytes go as they come.
awaitable<void> take_stderr(job_ptr on) {
  const bool by_lines = on->by_lines;
  std::vector<char> chunk(pipe_size);
  std::size_t kept = 0;  // of a line that has not ended
  boost::system::error_code end;
  while (!end) {
    const auto n = co_await on->shell->err.async_read_some(asio::buffer(chunk.data() + kept, chunk.size() - kept),
                                                           asio::redirect_error(asio::use_awaitable, end));
    const std::string_view held{chunk.data(), kept + n};
    const auto last = held.rfind('\n');
    const bool whole = !by_lines || end || (last == held.npos && held.size() == chunk.size());
    const auto size = whole ? held.size() : last == held.npos ? 0 : last + 1;
    const auto data = held.substr(0, by_lines && size != 0 && held[size - 1] == '\n' ? size - 1 : size);
    if (size != 0) {
      const auto written = co_await on->ch.async_write_error(data);
      if (!written) break;
    }
    kept = held.size() - size;
    std::copy_n(chunk.begin() + static_cast<std::ptrdiff_t>(size), kept, chunk.begin());
  }
  on->shell->err.close(end);
  on->set(on->err_ended);
}

awaitable<void> wait_for_end(job_ptr on) {
  boost::system::error_code ignored;
  co_await on->shell->ended.async_wait(process::descriptor::wait_read,
                                       asio::redirect_error(asio::use_awaitable, ignored));
  on->set(on->ended);
}

// Who calls, and the headers, as CGI has it (RFC 3875 section 4.1): with a prefix, so that a client can set no variable
// that means something to a shell.
std::vector<std::string> variables_of(const meta& call) {
  std::vector<std::string> all;
  const auto add = [&all](const std::string& name, const std::string& value) {
    if (!value.empty()) all.push_back("DUPLEX_" + name + '=' + value);
  };
  add("SERVICE", call.service);
  add("REMOTE_PEER", call.remote_peer);
  add("REMOTE_KEY", call.remote_key);
  add("REMOTE_ADDRESS", call.remote_address);
  add("KEY_COMMENT", call.key_comment);
  add("USER", call.user);
  for (const auto& header : call.headers) {
    const auto at = header.find('=');
    if (at == std::string::npos || at == 0) continue;
    auto name = header.substr(0, at);
    for (auto& c : name)
      if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
    add("HEADER_" + name, header.substr(at + 1));
  }
  return all;
}

}  // namespace

awaitable<void> run_command(channel ch, std::string command) {
  const auto on = co_await asio::this_coro::executor;
  const auto about = co_await ch.async_meta();
  if (!about) co_return;
  const bool by_lines = about->stock && about->originator.empty();  // a session channel
  auto variables = variables_of(*about);
  auto spawned = process::spawn(on, command, std::move(variables));
  if (!spawned) {
    co_await end_with(ch, 127, spawned.error().message());
    co_return;
  }
  const auto work = std::make_shared<job>(ch, std::move(*spawned), by_lines, on);
  asio::co_spawn(on, feed_stdin(work), asio::detached);
  asio::co_spawn(on, take_stdout(work), asio::detached);
  asio::co_spawn(on, take_stderr(work), asio::detached);
  asio::co_spawn(on, wait_for_end(work), asio::detached);
  asio::co_spawn(on, when_gone(ch, [work] { work->set(work->gone); }), asio::detached);

  boost::system::error_code woken;
  work->changed.expires_at(asio::steady_timer::time_point::max());
  while (!work->done() && !work->gone)
    co_await work->changed.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  if (work->gone) {
    work->shell->signal(SIGTERM);
    work->changed.expires_after(grace);
    do co_await work->changed.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    while (woken && !work->ended);
    work->shell->signal(SIGKILL);
  }
  if (work->ended) {
    co_await end_with(ch, static_cast<unsigned>(work->shell->status()), {});
  } else {
    co_await ch.async_close();
  }
  for (auto* stream : {&work->shell->in, &work->shell->out, &work->shell->err, &work->shell->ended})
    stream->cancel(woken);
}

}  // namespace duplex::tools
