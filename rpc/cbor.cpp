// SPDX-License-Identifier: BSD-2-Clause
#include "rpc/cbor.hpp"

#include <duplex/rpc/codec.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace duplex::rpc {
namespace {

// RFC 8949 section 3.1: the first byte is a major type of three bits, and five bits that are the argument, or say how
// long it is.
enum major : unsigned { unsigned_integer, negative_integer, byte_string, text_string, array_of, map_of, tag, simple };

enum head : unsigned {
  false_head = 0xf4,
  true_head = 0xf5,
  null_head = 0xf6,
  undefined_head = 0xf7,
  half_head = 0xf9,
  float_head = 0xfa,
  double_head = 0xfb,
  break_head = 0xff,
};

constexpr unsigned indefinite = 31;

// RFC 8949 appendix D.
double from_half(unsigned half) {
  const unsigned exponent = half >> 10 & 31;
  const int mantissa = static_cast<int>(half & 1023);
  const double value = exponent == 0    ? std::ldexp(mantissa, -24)
                       : exponent != 31 ? std::ldexp(mantissa + 1024, static_cast<int>(exponent) - 25)
                       : mantissa == 0  ? std::numeric_limits<double>::infinity()
                                        : std::numeric_limits<double>::quiet_NaN();
  return half & 0x8000 ? -value : value;
}

class cbor_codec final : public codec {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "cbor"; }
  void encode(std::string& out, value_source value, handles* scope) const override {
    cbor_writer to{out, scope};
    value(to);
    to.flush();
  }
  void decode(std::string_view in, const codec_limits& limits, value_target value, handles* scope) const override {
    cbor_reader from{in, limits, scope};
    value(from);
    from.finish();
  }
};

}  // namespace

const codec_ptr& cbor() {
  static const codec_ptr it = std::make_shared<cbor_codec>();
  return it;
}

void cbor_writer::long_head(unsigned type, std::uint64_t argument) {
  if (argument <= UINT8_MAX) return out_.put_head(type | 24, argument, 1);
  if (argument <= UINT16_MAX) return out_.put_head(type | 25, argument, 2);
  if (argument <= UINT32_MAX) return out_.put_head(type | 26, argument, 4);
  out_.put_head(type | 27, argument, 8);
}

void cbor_writer::nil() { out_.put(static_cast<char>(null_head)); }
void cbor_writer::boolean(bool value) { out_.put(static_cast<char>(value ? true_head : false_head)); }
void cbor_writer::integer(std::uint64_t value) { head(unsigned_integer, value); }
void cbor_writer::integer(std::int64_t value) {
  if (value >= 0) return head(unsigned_integer, static_cast<std::uint64_t>(value));
  head(negative_integer, static_cast<std::uint64_t>(-1 - value));
}
void cbor_writer::real(float value) { out_.put_head(float_head, std::bit_cast<std::uint32_t>(value), 4); }
void cbor_writer::real(double value) { out_.put_head(double_head, std::bit_cast<std::uint64_t>(value), 8); }
void cbor_writer::str(std::string_view text) {
  head(text_string, text.size());
  out_.put(text);
}
void cbor_writer::bin(std::string_view bytes) {
  head(byte_string, bytes.size());
  out_.put(bytes);
}
void cbor_writer::array(std::size_t count) { head(array_of, count); }
void cbor_writer::map(std::size_t count) { head(map_of, count); }

std::uint8_t cbor_reader::next_after_tags() {
  while (first() >> 5 == tag) argument();
  return first();
}

std::uint64_t cbor_reader::argument() {
  const unsigned low = static_cast<std::uint8_t>(take(1)[0]) & 31U;
  if (low < 24) return low;
  if (low > 27) throw codec_error{"a first byte that CBOR does not have"};
  return take_big_endian(std::size_t{1} << (low - 24));
}

token cbor_reader::peek() {
  const unsigned head = next();
  switch (head >> 5) {
    case unsigned_integer:
    case negative_integer:
      return token::integer;
    case byte_string:
      return token::bin;
    case text_string:
      return token::str;
    case array_of:
      return token::array;
    case map_of:
      return token::map;
    default:
      if (head == false_head || head == true_head) return token::boolean;
      if (head == null_head || head == undefined_head) return token::nil;
      return head >= half_head && head <= double_head ? token::real : token::other;
  }
}

bool cbor_reader::nil() {
  const auto head = next();
  if (head != null_head && head != undefined_head) return false;
  take(1);
  return true;
}

bool cbor_reader::boolean() {
  const auto head = next();
  if (head != false_head && head != true_head) wrong("a boolean");
  take(1);
  return head == true_head;
}

number cbor_reader::integer() {
  const unsigned major = next() >> 5;
  if (major != unsigned_integer && major != negative_integer) wrong("an integer");
  return {argument(), major == negative_integer};
}

double cbor_reader::real() {
  switch (next()) {
    case half_head:
      return from_half(static_cast<unsigned>(argument()));
    case float_head:
      return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(argument())));
    case double_head:
      return std::bit_cast<double>(argument());
    default: {
      if (peek() != token::integer) wrong("a real number");
      const auto read = integer();
      return read.negative ? -1.0 - static_cast<double>(read.bits) : static_cast<double>(read.bits);
    }
  }
}

std::string_view cbor_reader::str() {
  if (next() >> 5 != text_string) wrong("a string");
  return text(text_string);
}

std::string_view cbor_reader::bin() {
  const unsigned major = next() >> 5;
  if (major != byte_string && major != text_string) wrong("bytes");
  return text(major);
}

std::string_view cbor_reader::text(unsigned major) {
  const unsigned low = first() & 31U;
  if (low == indefinite) return chunks(major);
  if (low >= 24) return take(argument());
  return take(1 + low).substr(1);
}

// RFC 8949 section 3.2.3: definite strings of the same type.
std::string_view cbor_reader::chunks(unsigned major) {
  grow(sizeof(std::string));
  auto& all = joined_.emplace_back();
  take(1);
  while (!ended()) {
    const unsigned head = first();
    if (head >> 5 != major || (head & 31) == indefinite) throw codec_error{"a string in chunks that are not strings"};
    const auto chunk = take(argument());
    grow(chunk.size());
    all += chunk;
  }
  return all;
}

std::size_t cbor_reader::open_array() {
  if (next() >> 5 != array_of) wrong("an array");
  return count();
}

std::size_t cbor_reader::open_map() {
  if (next() >> 5 != map_of) wrong("a map");
  return count();
}

std::size_t cbor_reader::count() {
  if ((first() & 31) != indefinite) return std::min<std::uint64_t>(argument(), until_break - 1);
  take(1);
  return until_break;
}

bool cbor_reader::ended() {
  if (first() != break_head) return false;
  take(1);
  return true;
}

void cbor_reader::step() {
  const unsigned major = next() >> 5;
  if (major == byte_string || major == text_string) {
    text(major);
  } else {
    argument();
  }
}

}  // namespace duplex::rpc
