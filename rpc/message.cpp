// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/rpc/message.hpp>

namespace duplex::rpc::detail {
namespace {

enum wire_type : unsigned { varint = 0, fixed64 = 1, delimited = 2, fixed32 = 5 };

std::uint64_t take_varint(input& in) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const auto byte = static_cast<std::uint8_t>(in.take(1)[0]);
    value |= (byte & 0x7fULL) << shift;
    if (byte < 0x80) return value;
  }
  throw codec_error{"an integer of more than ten bytes"};
}

}  // namespace

std::uint32_t take_tag(input& in) {
  const auto tag = take_varint(in);
  if (tag > UINT32_MAX) throw codec_error{"a field's number that protobuf does not have"};
  return static_cast<std::uint32_t>(tag);
}

std::string_view take_delimited(input& in) { return in.take(take_varint(in)); }

// Estimates of what libprotobuf takes: 16 bytes for a field it does not know, a string of 32 bytes, 8 bytes for a
// number in a repeated field.
void weigh_scalar(input& in, unsigned wire_type, bool known, bool text, input& budget) {
  switch (wire_type) {
    case varint:
      take_varint(in);
      break;
    case fixed64:
      in.take(8);
      break;
    case fixed32:
      in.take(4);
      break;
    case delimited: {
      const auto size = take_delimited(in).size();
      budget.grow(known && !text ? 8 * size : 32 + size);
      break;
    }
    default:
      throw codec_error{"groups, or what is no protobuf message"};
  }
  budget.add(1);
  budget.grow(known ? 8 : 16);
}

}  // namespace duplex::rpc::detail
