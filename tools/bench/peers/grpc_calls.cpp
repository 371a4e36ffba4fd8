// SPDX-License-Identifier: BSD-2-Clause
// Clients that wait for answers. One at a time the synchronous API is as fast as a completion queue (on one CPU an echo
// on a stream took 23 to 25 us by both, by the callback API 35), and a stream is faster than a unary call (35 us). With
// 64 outstanding, apart: one stream 126,000 per second, unary calls by a completion queue 84,000, by the callback API
// 72,000, by a thread for each 54,000. A hint that more frames follow slowed the stream by 5 % apart.
#include "tools/bench/peers/grpc_sides.hpp"
#include "tools/bench/peers/grpc_step.hpp"

namespace bench {
namespace {

using echo::Frame;
using echo::Sample;

bool is_over = false;

Sample make_sample() {
  Sample made;
  made.set_id(1);
  made.set_name("a name of some size");
  made.set_n(3);
  made.set_weight(2.5);
  return made;
}

/// Sends again what the other half took back: 64 are always on their way.
struct window {
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<Frame, Frame>> stream;
  Frame frame;
  std::size_t credit = in_flight;
  bool is_writing = false;
};

detached spend_credit(window& of) {
  of.is_writing = true;
  for (; of.credit > 0; --of.credit) co_await step([&](void* tag) { of.stream->Write(of.frame, tag); });
  of.is_writing = false;
}

detached echo_in_flight(connection& on, window& of, meter& done) {
  of.stream = on.stub->PrepareAsyncEach(&of.context, &client_queue());
  co_await step([&](void* tag) { of.stream->StartCall(tag); });
  Frame frame;
  do {
    if (!of.is_writing) spend_credit(of);
    const bool is_ok = co_await step([&](void* tag) { of.stream->Read(&frame, tag); });
    if (!is_ok) fail("the server is gone");
    ++of.credit;
  } while (!done.done());
  is_over = true;
}

/// Over only when all of its kind have ended: the queue goes on to the next figure's.
detached call_again_and_again(connection& on, meter& done, std::size_t& left) {
  const auto sample = make_sample();
  Sample answer;
  for (bool is_done = false; !is_done;) {
    grpc::ClientContext context;
    grpc::Status status;
    const auto call = on.stub->AsyncCall(&context, sample, &client_queue());
    co_await step([&](void* tag) { call->Finish(&answer, &status, tag); });
    if (!status.ok()) fail("call: " + status.error_message());
    is_done = done.done();
  }
  is_over = --left == 0;
}

detached count_list(connection& on, meter& done) {
  grpc::ClientContext context;
  const auto stream = on.stub->PrepareAsyncList(&context, make_sample(), &client_queue());
  co_await step([&](void* tag) { stream->StartCall(tag); });
  Sample sample;
  do {
    const bool is_ok = co_await step([&](void* tag) { stream->Read(&sample, tag); });
    if (!is_ok) fail("the server is gone");
  } while (!done.done());
  context.TryCancel();
  is_over = true;
}

}  // namespace

void run_rtt(const std::string& address, const settings& with) {
  const auto on = dial(address, with);
  grpc::ClientContext context;
  const auto stream = on.stub->Each(&context);
  Frame frame;
  frame.set_data(std::string(small_size, 'x'));
  round_trips trips;
  while (trips.lap())
    if (!stream->Write(frame) || !stream->Read(&frame)) fail("the server is gone");
  trips.report();
}

void run_rtt64(const std::string& address, const settings& with) {
  static auto on = dial(address, with);
  static window sent;
  sent.frame.set_data(std::string(small_size, 'x'));
  static meter done;
  echo_in_flight(on, sent, done);
  resume_until(client_queue(), is_over);
  report("per_second", done.rate());
}

void run_rpc64(const std::string& address, const settings& with) {
  static auto on = dial(address, with);
  static meter done;
  static std::size_t left = in_flight;
  for (std::size_t i = 0; i < in_flight; ++i) call_again_and_again(on, done, left);
  resume_until(client_queue(), is_over);
  report("per_second", done.rate());
  static auto listing = dial(address, with);
  static meter objects;
  is_over = false;
  count_list(listing, objects);
  resume_until(client_queue(), is_over);
  report("objects", objects.rate());
}

void run_rpc(const std::string& address, const settings& with) {
  const auto on = dial(address, with);
  const auto sample = make_sample();
  Sample answer;
  round_trips trips;
  while (trips.lap()) {
    grpc::ClientContext context;
    const auto status = on.stub->Call(&context, sample, &answer);
    if (!status.ok()) fail("call: " + status.error_message());
  }
  trips.report();
  run_rpc64(address, with);
}

}  // namespace bench
