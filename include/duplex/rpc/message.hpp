// SPDX-License-Identifier: BSD-2-Clause
// Messages of protobuf's, known by what they can do: no header of protobuf's is needed here.
#pragma once

#include <duplex/rpc/codec.hpp>
#include <duplex/rpc/describe.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace duplex::rpc::detail {

/// A message of protobuf's, known by what it can do: no header of protobuf is needed.
template <class T>
concept message = requires(T& value, const T& constant, std::string& text) {
  constant.AppendToString(&text);
  value.ParseFromCodedStream(nullptr);
  constant.GetTypeName();
};

template <class T> void append_message(std::string& out, const T& value) {
  if (!value.AppendToString(&out)) throw codec_error{value.GetTypeName() + " lacks required fields"};
}

/// Steps over the value of a field that is not a message. Throws codec_error.
void weigh_scalar(input& in, unsigned wire_type, bool known, bool text, input& budget);
/// The number and the wire type of the next field: https://protobuf.dev/programming-guides/encoding/.
std::uint32_t take_tag(input& in);
std::string_view take_delimited(input& in);

/// libprotobuf has a limit of depth only, and two bytes become a message of a hundred: the message is walked by its
/// descriptor first. `Type` is google::protobuf::Descriptor.
template <class Type> void weigh(std::string_view message, const Type& type, input& budget) {
  budget.enter();
  input in{message, budget.limits()};
  while (!in.rest().empty()) {
    const auto tag = take_tag(in);
    const auto* const field = type.FindFieldByNumber(static_cast<int>(tag >> 3));
    if (field != nullptr && field->message_type() != nullptr && (tag & 7) == 2) {
      const auto& within = *field->message_type();
      budget.add(1);
      budget.grow(48 + 24 * static_cast<std::size_t>(within.field_count()));  // a repeated field takes 24 bytes
      weigh(take_delimited(in), within, budget);
    } else {
      weigh_scalar(in, tag & 7, field != nullptr, field != nullptr && (field->type() == 9 || field->type() == 12),
                   budget);
    }
  }
  budget.leave();
}

/// `Input` is google::protobuf::io::CodedInputStream, which the user's generated header brings. Only its depth is
/// limited where a message has no descriptor (optimize_for = LITE_RUNTIME).
template <class T, class M, class Input>
void parse_message(std::string_view in, T& into, input& budget, bool (M::*parse)(Input*)) {
  if (in.size() > INT32_MAX) throw codec_error{"a protobuf message has 2 GB at most"};
  if constexpr (requires { T::descriptor()->field_count(); }) weigh(in, *T::descriptor(), budget);
  Input stream{reinterpret_cast<const std::uint8_t*>(in.data()), static_cast<int>(in.size())};
  stream.SetRecursionLimit(static_cast<int>(budget.limits().depth));
  if (!(into.*parse)(&stream) || !stream.ConsumedEntireMessage())
    throw codec_error{"expected a protobuf message of type " + into.GetTypeName()};
}

/// In the codecs of tokens a message is bytes.
template <class T> struct message_shape {
  static void write(token_writer& to, const T& value) {
    std::string text;
    append_message(text, value);
    to.bin(text);
  }
  static void read(token_reader& from, T& into) {
    parse_message(from.bin(), into, from.budget(), &T::ParseFromCodedStream);
  }
  static std::string describe(describer&) { return T{}.GetTypeName(); }
};

}  // namespace duplex::rpc::detail
