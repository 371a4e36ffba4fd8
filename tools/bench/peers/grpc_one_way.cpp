// SPDX-License-Identifier: BSD-2-Clause
// The synchronous writer: on small frames it was as fast as one on a completion queue (1.06 million per second apart,
// 0.58 million on one CPU), on bulk too. Messages as raw ByteBuffers through a generic stub gained 5 to 8 % on bulk and
// 0 to 6 % on frames; left out, as who takes gRPC takes its messages. Its buffer sizes and optimization target, larger
// HTTP/2 frames and no probing of the bandwidth gained nothing that could be told from noise: gRPC's defaults.
#include "tools/bench/peers/grpc_sides.hpp"

namespace bench {
namespace {

void send_one_way(const std::string& address, const settings& with, std::size_t size, grpc::WriteOptions how) {
  const auto on = dial(address, with);
  grpc::ClientContext context;
  echo::Tally answer;
  const auto stream = on.stub->Count(&context, &answer);
  echo::Frame frame;
  one_way sent{size};
  for (auto next = sent.next(); !next.empty(); next = sent.next()) {
    frame.set_data(next.data(), next.size());
    if (!stream->Write(frame, how)) fail("the server is gone");
  }
  frame.set_data(std::string(last_size, 'L'));
  stream->WriteLast(frame, grpc::WriteOptions());
  const auto status = stream->Finish();
  if (!status.ok()) fail("count: " + status.error_message());
  sent.finish({answer.frames(), answer.sum(), answer.bytes()});
}

}  // namespace

void run_frames(const std::string& address, const settings& with) {
  send_one_way(address, with, small_size, grpc::WriteOptions().set_buffer_hint());
}

void run_bulk(const std::string& address, const settings& with) {
  send_one_way(address, with, bulk_size, grpc::WriteOptions());
}

}  // namespace bench
