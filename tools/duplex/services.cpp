// SPDX-License-Identifier: BSD-2-Clause
#include "tools/duplex/services.hpp"

#include <duplex/async.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>

namespace duplex::tools {
namespace {

// g++ 12.2 destroys some temporaries within a co_await expression twice: whatever owns memory is named before it.

using boost::asio::awaitable;

// Bytes back as they come; a reader that stalls stops it, and so the writer.
awaitable<void> echo(channel ch) {
  for (;;) {
    const auto data = co_await ch.async_read();
    if (!data) break;
    const auto written = co_await ch.async_write(*data);
    if (!written) break;
  }
  co_await ch.async_close();
}

awaitable<void> echo_frames(channel ch) {
  for (;;) {
    const auto frame = co_await ch.async_read_frame();
    if (!frame) {
      const auto why = frame.error();
      if (why.code() != errc::end_of_stream) co_await end_with(ch, static_cast<unsigned>(why.code()), why.message());
      break;
    }
    auto payload = *frame;
    if (!payload.empty() && payload.view().front() == '!') {
      payload.remove_prefix(1);
      const auto written = co_await ch.async_write_error(payload);
      if (!written) break;
    } else {
      const auto written = co_await ch.async_write_frame(payload);
      if (!written) break;
    }
  }
  co_await ch.async_close();
}

// Counts whole frames in a stream by their length prefixes, wherever it is cut.
class frame_counter {
 public:
  void feed(std::string_view data) {
    while (!data.empty()) {
      if (payload_left_ != 0) {
        const auto n = std::min<std::uint64_t>(payload_left_, data.size());
        data.remove_prefix(static_cast<std::size_t>(n));
        payload_left_ -= n;
        if (payload_left_ == 0) ++count_;
        continue;
      }
      length_ = length_ << 8 | static_cast<unsigned char>(data.front());
      data.remove_prefix(1);
      if (++length_bytes_ < frame_header) continue;
      payload_left_ = length_;
      length_ = length_bytes_ = 0;
      if (payload_left_ == 0) ++count_;
    }
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  std::uint64_t payload_left_ = 0, count_ = 0;
  std::uint32_t length_ = 0, length_bytes_ = 0;
};

awaitable<void> sink(channel ch) {
  std::uint64_t size = 0;
  frame_counter frames;
  for (;;) {
    const auto data = co_await ch.async_read();
    if (!data) break;
    size += data->size();
    frames.feed(*data);
  }
  std::vector<std::string> found;
  found.push_back("bytes=" + std::to_string(size));
  found.push_back("frames=" + std::to_string(frames.count()));
  found.push_back("status=0");
  co_await ch.async_write_trailers(found);
  co_await ch.async_close();
}

awaitable<void> source(channel ch, std::uint64_t size) {
  std::string letters(1U << 16, 'a');
  for (std::size_t i = 0; i < letters.size(); ++i) letters[i] = static_cast<char>('a' + i % 26);
  while (size != 0) {
    const auto n = std::min<std::uint64_t>(size, letters.size());
    const std::string_view chunk{letters.data(), static_cast<std::size_t>(n)};
    const auto written = co_await ch.async_write(chunk);
    if (!written) break;
    size -= n;
  }
  co_await ch.async_close_write();
  co_await ch.async_close();
}

// Opens the service of another connected peer and joins the two, headers included.
awaitable<void> pass_on(channel ch, peer by, std::string name, std::string there) {
  const auto about = co_await ch.async_meta();
  if (!about) co_return;
  const auto headers = about->headers;
  const auto far = co_await by.async_open(name, there, headers);
  if (!far) {
    const auto why = far.error();
    co_await end_with(ch, static_cast<unsigned>(errc::connection_failed), why.message());
    co_return;
  }
  const auto other = *far;
  co_await ch.async_join(other);
}

result<std::uint64_t> parse_size(std::string_view text) {
  const error wrong{errc::invalid_argument,
                    "'source:" + std::string{text} + "' names no number of bytes; K, M or G may follow it"};
  std::uint64_t size = 0;
  const auto* end = text.data() + text.size();
  const auto [at, failed] = std::from_chars(text.data(), end, size);
  if (failed != std::errc{}) return wrong;
  unsigned shift = 0;
  const std::string_view suffix{at, static_cast<std::size_t>(end - at)};
  if (suffix == "K") shift = 10;
  if (suffix == "M") shift = 20;
  if (suffix == "G") shift = 30;
  if (suffix.empty() == (shift != 0) || size > std::numeric_limits<std::uint64_t>::max() >> shift) return wrong;
  return size << shift;
}

}  // namespace

awaitable<void> end_with(channel ch, unsigned status, std::string reason) {
  std::vector<std::string> last;
  last.push_back("status=" + std::to_string(status));
  if (!reason.empty()) last.push_back("reason=" + reason);
  co_await ch.async_write_trailers(last);
  co_await ch.async_close();
}

awaitable<void> when_gone(channel ch, std::function<void()> then) {
  const auto last = co_await ch.async_trailers();
  if (!last) then();
}

result<service> make_service(const std::string& kind, const std::shared_ptr<const peer>& by) {
  const auto colon = kind.find(':');
  const auto word = kind.substr(0, colon);
  const auto rest = colon == std::string::npos ? std::string{} : kind.substr(colon + 1);
  const bool plain = colon == std::string::npos;
  if (kind == "echo") return service{echo};
  if (kind == "frames") return service{echo_frames};
  if (kind == "sink") return service{sink};
  if (word == "source" && !plain) {
    const auto size = parse_size(rest);
    if (!size) return size.error();
    return service{[size = *size](channel ch) { return source(std::move(ch), size); }};
  }
  if (word == "exec" && rest.find_first_not_of(' ') != std::string::npos)
    return service{[rest](channel ch) { return run_command(std::move(ch), rest); }};
  if (const auto slash = rest.find('/'); word == "peer" && slash != std::string::npos) {
    const auto name = rest.substr(0, slash), there = rest.substr(slash + 1);
    if (is_valid_name(name) && is_valid_name(there) && there[0] != '@')
      return service{[by, name, there](channel ch) { return pass_on(std::move(ch), *by, name, there); }};
  }
  if (word == "join" && !plain) {
    const auto where = endpoint::parse(rest);
    if (!where) return where.error();
    const bool reachable =
        where->type() == endpoint::kind::unix_socket || (where->type() == endpoint::kind::tcp && where->number() != 0);
    if (reachable) return service{[to = *where](channel ch) { return join(std::move(ch), to); }};
  }
  return {errc::invalid_argument, "'" + kind +
                                      "' is no KIND; there are echo, frames, sink, source:BYTES, exec:COMMAND, "
                                      "join:tcp://host:port, join:unix:///path, peer:NAME/SERVICE"};
}

}  // namespace duplex::tools
