// SPDX-License-Identifier: BSD-2-Clause
#include "rpc/json_text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <limits>

#include "rpc/base64.hpp"
#include "rpc/msgpack.hpp"
#include "values/utf8.hpp"

namespace duplex::rpc {
namespace {

class text_writer {
 public:
  text_writer(std::string& out, std::string_view msgpack) : from_(msgpack, limits()), out_(out) {}

  void run() {
    value();
    from_.finish();
    out_.flush();
  }

 private:
  // What is written was ours to begin with, so only its depth is limited: the stack's sake.
  static codec_limits limits() {
    return {.bytes = SIZE_MAX, .elements = SIZE_MAX, .memory = SIZE_MAX, .depth = 4 * codec_limits{}.depth};
  }

  void value() {
    switch (from_.peek()) {
      case token::nil:
        from_.nil();
        return out_.put("null");
      case token::boolean:
        return out_.put(from_.boolean() ? "true" : "false");
      case token::integer:
        return integer(from_.integer());
      case token::real:
        return from_.rest().front() == '\xca' ? real(static_cast<float>(from_.real())) : real(from_.real());
      case token::str:
        return str(from_.str());
      case token::bin:
        return str(to_base64(from_.bin()));
      case token::array:
        return array();
      case token::map:
        return map();
      case token::other:
        throw codec_error{"JSON has no extension types"};
    }
  }

  void integer(number of) {
    std::array<char, 24> text{};
    char* at = text.data();
    if (of.negative) *at++ = '-';
    const auto end = std::to_chars(at, text.data() + text.size(), of.bits + (of.negative ? 1 : 0)).ptr;
    out_.put({text.data(), static_cast<std::size_t>(end - text.data())});
  }

  // The shortest text that reads as the same number of that type, and as a real one.
  void real(std::floating_point auto of) {
    if (!std::isfinite(of)) throw codec_error{std::string{"JSON has no "} + (std::isnan(of) ? "NaN" : "infinity")};
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), of).ptr;
    const std::string_view digits{text.data(), static_cast<std::size_t>(end - text.data())};
    out_.put(digits);
    if (digits.find_first_of(".e") == std::string_view::npos) out_.put(".0");
  }

  void str(std::string_view text) {
    out_.put('"');
    std::size_t plain = 0;
    while (plain < text.size()) {
      const auto c = static_cast<std::uint8_t>(text[plain]);
      if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
        ++plain;
      } else if (c >= 0x80) {
        const auto size = utf8_size(text.substr(plain));
        if (size == 0) throw codec_error{"JSON has no string that is not UTF-8"};
        plain += size;
      } else {
        out_.put(text.substr(0, plain));
        escape(c);
        text.remove_prefix(plain + 1);
        plain = 0;
      }
    }
    out_.put(text);
    out_.put('"');
  }

  void escape(std::uint8_t c) {
    static constexpr std::string_view named = "\"\\\b\f\n\r\t", names = "\"\\bfnrt", hex = "0123456789abcdef";
    out_.put('\\');
    const auto at = named.find(static_cast<char>(c));
    if (at != std::string_view::npos) return out_.put(names[at]);
    out_.put("u00");
    out_.put(hex[c >> 4]);
    out_.put(hex[c & 15]);
  }

  void array() {
    out_.put('[');
    auto values = from_.array();
    for (std::size_t at = 0; values.next(); ++at) {
      if (at != 0) out_.put(',');
      try {
        value();
      } catch (codec_error& why) {
        why.within(at);
        throw;
      }
    }
    out_.put(']');
  }

  void map() {
    out_.put('{');
    auto pairs = from_.map();
    for (bool first = true; pairs.next(); first = false) {
      if (!first) out_.put(',');
      pair();
    }
    out_.put('}');
  }

  void pair() {
    std::string_view name = "[key]";
    if (from_.peek() == token::integer) {
      out_.put('"');
      integer(from_.integer());
      out_.put('"');
    } else if (from_.peek() == token::str) {
      name = from_.str();
      str(name);
    } else {
      throw codec_error{"JSON has strings and integers as keys, not " + std::string{to_string(from_.peek())}};
    }
    out_.put(':');
    try {
      value();
    } catch (codec_error& why) {
      why.within(name);
      throw;
    }
  }

  msgpack_reader from_;
  output out_;
};

}  // namespace

void write_json(std::string& out, std::string_view msgpack) { text_writer{out, msgpack}.run(); }

}  // namespace duplex::rpc
