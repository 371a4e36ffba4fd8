// SPDX-License-Identifier: BSD-2-Clause
// Clients that open many: streams on a connection, connections. On a completion queue, so that one thread has them all.
#include <algorithm>
#include <vector>

#include "tools/bench/peers/grpc_sides.hpp"
#include "tools/bench/peers/grpc_step.hpp"

namespace bench {
namespace {

using echo::Frame;

constexpr std::size_t fanout_size = 1024;
constexpr std::size_t after_idle = std::size_t{4} << 20;
bool is_over = false;

/// A stream is open as soon as the client says so, hence nothing waits for the server but the end: one round trip. The
/// corked headers leave with the first frame or the end.
detached open_and_close(connection& on, bool with_frame, meter& done) {
  Frame frame;
  while (!is_over) {
    grpc::ClientContext context;
    context.set_initial_metadata_corked(true);
    const auto stream = on.stub->PrepareAsyncEach(&context, &client_queue());
    stream->StartCall(nullptr);
    if (with_frame) {
      frame.set_data(std::string(small_size, 'x'));
      co_await step([&](void* tag) { stream->WriteLast(frame, grpc::WriteOptions(), tag); });
      co_await step([&](void* tag) { stream->Read(&frame, tag); });
    } else {
      co_await step([&](void* tag) { stream->WritesDone(tag); });
    }
    grpc::Status status;
    co_await step([&](void* tag) { stream->Finish(&status, tag); });
    if (!status.ok()) fail("open: " + status.error_message());
    is_over = is_over || done.done();
  }
}

detached echo_on_one(connection& on, std::uint64_t& count, meter& done) {
  grpc::ClientContext context;
  const auto stream = on.stub->PrepareAsyncEach(&context, &client_queue());
  co_await step([&](void* tag) { stream->StartCall(tag); });
  Frame frame;
  frame.set_data(std::string(fanout_size, 'x'));
  while (!is_over) {
    co_await step([&](void* tag) { stream->Write(frame, tag); });
    const bool is_ok = co_await step([&](void* tag) { stream->Read(&frame, tag); });
    if (!is_ok) fail("the server is gone");
    ++count;
    is_over = is_over || done.done();
  }
}

/// Opens a stream, sees it work by an empty frame that comes back, and waits for a next one.
detached stay_open(connection& on, std::size_t& left) {
  grpc::ClientContext context;
  const auto stream = on.stub->PrepareAsyncEach(&context, &client_queue());
  co_await step([&](void* tag) { stream->StartCall(tag); });
  Frame frame;
  co_await step([&](void* tag) { stream->Write(frame, tag); });
  for (;;) {
    const auto wait = [&](void* tag) {
      stream->Read(&frame, tag);
      if (left == 0) is_over = true;
    };
    const bool is_ok = co_await step(wait);
    if (!is_ok) fail("the server is gone");
    --left;
  }
}

void send_bulk(connection& on) {
  grpc::ClientContext context;
  echo::Tally answer;
  const auto stream = on.stub->Count(&context, &answer);
  Frame frame;
  frame.set_data(std::string(bulk_size, 'x'));
  for (std::size_t sent = 0; sent < after_idle; sent += bulk_size) stream->Write(frame);
  stream->WritesDone();
  const auto status = stream->Finish();
  if (!status.ok() || answer.bytes() != after_idle) fail("bulk on an idle session: " + status.error_message());
}

}  // namespace

void run_open(const std::string& address, const settings& with) {
  static auto on = dial(address, with);
  static meter done;
  const bool with_frame = setting(with, "frames", std::size_t{0}) > 0;
  for (std::size_t i = 0; i < setting(with, "in_flight", std::size_t{1}); ++i) open_and_close(on, with_frame, done);
  resume_until(client_queue(), is_over);
  report("per_second", done.rate());
}

void run_fanout(const std::string& address, const settings& with) {
  static auto on = dial(address, with);
  static std::vector<std::uint64_t> counts(setting(with, "channels", std::size_t{1}));
  static meter done;
  for (auto& count : counts) echo_on_one(on, count, done);
  resume_until(client_queue(), is_over);
  std::uint64_t total = 0;
  for (const auto count : counts) total += count;
  const double fair = double(total) / double(counts.size());
  report("per_second", done.rate());
  report("slowest_share", double(*std::min_element(counts.begin(), counts.end())) / fair);
}

void run_idle_channels(const std::string& address, const settings& with) {
  static std::vector<connection> all(setting(with, "sessions", std::size_t{10}));
  const auto channels = setting(with, "channels", std::size_t{1000});
  for (auto& one : all) one = dial(address, with);
  mark("before");
  for (auto& one : all) {
    static std::size_t left;
    left = channels;
    is_over = false;
    for (std::size_t i = 0; i < channels; ++i) stay_open(one, left);
    resume_until(client_queue(), is_over);
  }
  mark("after");
}

void run_idle_sessions(const std::string& address, const settings& with) {
  static std::vector<connection> all(setting(with, "sessions", std::size_t{1000}));
  mark("before");
  for (auto& one : all) {
    one = dial(address, with);
    grpc::ClientContext context;
    echo::Sample sample;
    const auto status = one.stub->Call(&context, sample, &sample);
    if (!status.ok()) fail("call: " + status.error_message());
  }
  mark("after");
  for (auto& one : all) send_bulk(one);
  mark("after_bulk");
}

void run_connect(const std::string& address, const settings& with) {
  meter done;
  do dial(address, with);
  while (!done.done());
  report("per_second", done.rate());
}

}  // namespace bench
