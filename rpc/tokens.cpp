// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/rpc/tokens.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

namespace duplex::rpc {
namespace {

std::string text_of(number of) {
  if (!of.negative) return std::to_string(of.bits);
  if (of.bits == UINT64_MAX) return "-18446744073709551616";
  return '-' + std::to_string(of.bits + 1);
}

[[noreturn]] void does_not_fit(const std::string& what, const char* type, const std::string& least,
                               const std::string& most) {
  throw codec_error{what + " does not fit " + type + " (" + least + " to " + most + ")"};
}

// One instruction, where the size is known when it is compiled.
template <std::size_t Size> std::uint64_t big_endian(const char* bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < Size; ++i) value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
  return value;
}

}  // namespace

std::string_view to_string(token of) noexcept {
  static constexpr std::array<std::string_view, 9> names = {
      "nil", "a boolean", "an integer", "a real number", "a string", "bytes", "an array", "a map", "something else"};
  return names[static_cast<std::size_t>(of)];
}

std::int64_t fit(number of, std::int64_t least, std::int64_t most, const char* type) {
  if (of.bits > static_cast<std::uint64_t>(of.negative ? -1 - least : most))
    does_not_fit(text_of(of), type, std::to_string(least), std::to_string(most));
  return of.negative ? -1 - static_cast<std::int64_t>(of.bits) : static_cast<std::int64_t>(of.bits);
}

std::uint64_t fit(number of, std::uint64_t most, const char* type) {
  if (of.negative || of.bits > most) does_not_fit(text_of(of), type, "0", std::to_string(most));
  return of.bits;
}

token_reader::items::items(token_reader& from, std::size_t count) : from_(from), left_(count) {
  if (count != until_break) from.in_.count(count);
  from.in_.enter();
}

bool token_reader::items::more() {
  if (from_.ended()) {
    left_ = 0;
    return false;
  }
  from_.in_.add(1);
  return true;
}

void token_reader::skip() {
  switch (peek()) {
    case token::array:
      for (auto values = array(); values.next();) skip();
      break;
    case token::map:
      for (auto pairs = map(); pairs.next();) {
        skip();
        skip();
      }
      break;
    default:
      step();
  }
}

float token_reader::real32() {
  const auto read = real();
  constexpr double beyond =
      0x1.ffffffp+127;  // what is less is rounded to the greatest float: its shortest text is above it
  if (std::isfinite(read) && std::abs(read) >= beyond) does_not_fit(std::to_string(read), "f32", "-3.4e38", "3.4e38");
  return static_cast<float>(read);
}

number token_reader::key_integer() {
  if (peek() != token::str) return integer();
  const auto text = str();
  const bool negative = text.starts_with('-');
  const char* const end = text.data() + text.size();
  std::uint64_t value = 0;
  const auto [stop, why] = std::from_chars(text.data() + negative, end, value);
  if (why != std::errc{} || stop != end)
    throw codec_error{"expected an integer, got the key '" + std::string{text} + "'"};
  return negative && value != 0 ? number{value - 1, true} : number{value, false};
}

std::uint64_t token_reader::take_big_endian(std::size_t size) {
  const char* const bytes = take(size).data();
  switch (size) {
    case 1:
      return static_cast<std::uint8_t>(*bytes);
    case 2:
      return big_endian<2>(bytes);
    case 4:
      return big_endian<4>(bytes);
    default:
      return big_endian<8>(bytes);
  }
}

void token_reader::wrong(std::string_view what) {
  throw codec_error{"expected " + std::string{what} + ", got " + std::string{to_string(peek())}};
}

}  // namespace duplex::rpc
