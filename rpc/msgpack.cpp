// SPDX-License-Identifier: BSD-2-Clause
#include "rpc/msgpack.hpp"

#include <duplex/rpc/codec.hpp>

#include <bit>

#include "rpc/base64.hpp"

namespace duplex::rpc {
namespace {

// The first byte of a token. Those not named here: 0xa0 and up a short string, 0x90 an array, 0x80 a map; small
// integers are their own first byte.
enum head : unsigned {
  nil_head = 0xc0,
  false_head = 0xc2,
  true_head = 0xc3,
  bin8 = 0xc4,
  ext8 = 0xc7,
  ext32 = 0xc9,
  float32 = 0xca,
  float64 = 0xcb,
  uint8 = 0xcc,
  int8 = 0xd0,
  int64 = 0xd3,
  fixext1 = 0xd4,
  str8 = 0xd9,
  str32 = 0xdb,
  array16 = 0xdc,
  array32 = 0xdd,
  map16 = 0xde,
  map32 = 0xdf,
};

// A count of 16 bits after `head16`, of 32 after the byte that follows it.
void put_count(output& out, unsigned head16, std::size_t count) {
  if (count > UINT32_MAX) throw codec_error{"longer than MessagePack can say"};
  if (count <= UINT16_MAX) return out.put_head(head16, count, 2);
  out.put_head(head16 + 1, count, 4);
}

number from_bits(std::int64_t value) {
  return value < 0 ? number{static_cast<std::uint64_t>(-1 - value), true}
                   : number{static_cast<std::uint64_t>(value), false};
}

number widen(unsigned head, std::uint64_t bits) {
  switch (head) {
    case int8:
      return from_bits(static_cast<std::int8_t>(bits));
    case int8 + 1:
      return from_bits(static_cast<std::int16_t>(bits));
    case int8 + 2:
      return from_bits(static_cast<std::int32_t>(bits));
    case int64:
      return from_bits(static_cast<std::int64_t>(bits));
    default:
      return {bits, false};
  }
}

token kind_of(unsigned head) {
  if (head < 0x80 || head >= 0xe0) return token::integer;
  if (head < 0x90) return token::map;
  if (head < 0xa0) return token::array;
  if (head < nil_head) return token::str;
  if (head == nil_head) return token::nil;
  if (head == false_head || head == true_head) return token::boolean;
  if (head >= bin8 && head < ext8) return token::bin;
  if (head == float32 || head == float64) return token::real;
  if (head >= uint8 && head <= int64) return token::integer;
  if (head >= str8 && head <= str32) return token::str;
  if (head == array16 || head == array32) return token::array;
  return head == map16 || head == map32 ? token::map : token::other;
}

class msgpack_codec final : public codec {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "msgpack"; }
  void encode(std::string& out, value_source value, handles* scope) const override {
    msgpack_writer to{out, scope};
    value(to);
    to.flush();
  }
  void decode(std::string_view in, const codec_limits& limits, value_target value, handles* scope) const override {
    msgpack_reader from{in, limits, scope};
    value(from);
    from.finish();
  }
};

}  // namespace

const codec_ptr& msgpack() {
  static const codec_ptr it = std::make_shared<msgpack_codec>();
  return it;
}

void msgpack_writer::nil() { out_.put(static_cast<char>(nil_head)); }
void msgpack_writer::boolean(bool value) { out_.put(static_cast<char>(value ? true_head : false_head)); }

void msgpack_writer::integer(std::uint64_t value) {
  if (value < 0x80) return out_.put(static_cast<char>(value));
  if (value <= UINT8_MAX) return out_.put_head(uint8, value, 1);
  if (value <= UINT16_MAX) return out_.put_head(uint8 + 1, value, 2);
  if (value <= UINT32_MAX) return out_.put_head(uint8 + 2, value, 4);
  out_.put_head(uint8 + 3, value, 8);
}

void msgpack_writer::integer(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  if (value >= 0) return integer(bits);
  if (value >= -32) return out_.put(static_cast<char>(value));
  if (value >= INT8_MIN) return out_.put_head(int8, bits, 1);
  if (value >= INT16_MIN) return out_.put_head(int8 + 1, bits, 2);
  if (value >= INT32_MIN) return out_.put_head(int8 + 2, bits, 4);
  out_.put_head(int64, bits, 8);
}

void msgpack_writer::real(float value) { out_.put_head(float32, std::bit_cast<std::uint32_t>(value), 4); }
void msgpack_writer::real(double value) { out_.put_head(float64, std::bit_cast<std::uint64_t>(value), 8); }

void msgpack_writer::str(std::string_view text) {
  if (text.size() < 32) {
    out_.put(static_cast<char>(0xa0 | text.size()));
  } else if (text.size() <= UINT8_MAX) {
    out_.put_head(str8, text.size(), 1);
  } else {
    put_count(out_, str8 + 1, text.size());
  }
  out_.put(text);
}

void msgpack_writer::bin(std::string_view bytes) {
  if (bytes.size() <= UINT8_MAX) {
    out_.put_head(bin8, bytes.size(), 1);
  } else {
    put_count(out_, bin8 + 1, bytes.size());
  }
  out_.put(bytes);
}

void msgpack_writer::array(std::size_t count) {
  count < 16 ? out_.put(static_cast<char>(0x90 | count)) : put_count(out_, array16, count);
}

void msgpack_writer::map(std::size_t count) {
  count < 16 ? out_.put(static_cast<char>(0x80 | count)) : put_count(out_, map16, count);
}

token msgpack_reader::peek() { return kind_of(first()); }

bool msgpack_reader::nil() {
  if (first() != nil_head) return false;
  take(1);
  return true;
}

bool msgpack_reader::boolean() {
  const unsigned head = first();
  if (head != true_head && head != false_head) wrong("a boolean");
  take(1);
  return head == true_head;
}

number msgpack_reader::integer() {
  const unsigned head = first();
  if (head < 0x80 || head >= 0xe0) {
    take(1);
    return from_bits(static_cast<std::int8_t>(head));
  }
  if (head < uint8 || head > int64) wrong("an integer");
  take(1);
  return widen(head, take_big_endian(std::size_t{1} << (head & 3)));
}

double msgpack_reader::real() {
  const unsigned head = first();
  if (head == float64) {
    take(1);
    return std::bit_cast<double>(take_big_endian(8));
  }
  if (head == float32) {
    take(1);
    return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(take_big_endian(4))));
  }
  if (kind_of(head) != token::integer) wrong("a real number");
  const auto read = integer();
  return read.negative ? -1.0 - static_cast<double>(read.bits) : static_cast<double>(read.bits);
}

std::string_view msgpack_reader::str() {
  const unsigned head = first();
  if (head >= 0xa0 && head < nil_head) {
    take(1);
    return take(head & 31);
  }
  if (head < str8 || head > str32) wrong("a string");
  return take(length());
}

std::string_view msgpack_reader::bin() {
  const auto kind = peek();
  if (bytes_ == binary::base64) {
    if (kind != token::str) wrong("bytes as base64 text");
    if (!from_base64(str(), decoded_)) throw codec_error{"expected bytes as base64 text, got a string that is not"};
    return decoded_;
  }
  if (kind == token::str) return str();  // of a peer whose language does not tell them apart
  if (kind != token::bin) wrong("bytes");
  return take(length());
}

std::size_t msgpack_reader::open_array() {
  if (peek() != token::array) wrong("an array");
  return length();
}

std::size_t msgpack_reader::open_map() {
  if (peek() != token::map) wrong("a map");
  return length();
}

// Steps over the head of a string, bytes, an array or a map.
std::size_t msgpack_reader::length() {
  const auto head = static_cast<std::uint8_t>(take(1)[0]);
  if (head < 0xa0) return head & 15;
  if (head < nil_head) return head & 31;
  if (head >= array16) return take_big_endian(head & 1 ? 4 : 2);
  return take_big_endian(std::size_t{1} << (head >= str8 ? head - str8 : head - bin8));
}

void msgpack_reader::step() {
  const unsigned head = first();
  switch (kind_of(head)) {
    case token::integer:
      integer();
      break;
    case token::real:
      real();
      break;
    case token::str:
    case token::bin:
      take(length());
      break;
    case token::other:
      take(1);
      if (head >= fixext1 && head < str8) {
        take(1 + (std::size_t{1} << (head - fixext1)));
      } else if (head >= ext8 && head <= ext32) {
        take(take_big_endian(std::size_t{1} << (head - ext8)));
        take(1);
      } else {
        throw codec_error{"byte 0xc1"};
      }
      break;
    default:
      take(1);
  }
}

}  // namespace duplex::rpc
