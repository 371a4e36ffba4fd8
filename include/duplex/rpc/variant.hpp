// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/shape.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace duplex::rpc::detail {

template <> struct shape<std::monostate> {
  static void write(token_writer& to, std::monostate) { to.nil(); }
  static void read(token_reader& from, std::monostate&) {
    if (!from.nil()) from.wrong("nil");
  }
  static std::string describe(describer&) { return "nil"; }
};

/// [index, value]
template <class... A> struct shape<std::variant<A...>> {
  using type = std::variant<A...>;

  static void write(token_writer& to, const type& value) {
    if (value.valueless_by_exception()) throw codec_error{"a variant without a value"};
    to.array(2);
    to.integer(std::uint64_t{value.index()});
    std::visit([&]<class T>(const T& held) { shape<T>::write(to, held); }, value);
  }
  static void read(token_reader& from, type& into) {
    auto values = from.array();
    if (!values.next()) throw codec_error{"expected [index, value], got nothing"};
    const auto index = from.integer();
    if (index.negative || index.bits >= sizeof...(A))
      throw codec_error{"no alternative has that index; there are " + std::to_string(sizeof...(A))};
    if (!values.next()) throw codec_error{"expected [index, value], got the index alone"};
    alternative(std::make_index_sequence<sizeof...(A)>{}, index.bits, from, into);
    if (values.next()) throw codec_error{"expected [index, value], got more"};
  }
  static std::string describe(describer& to) {
    std::string text;
    ((text += (text.empty() ? "" : " | ") + shape<A>::describe(to)), ...);
    return text;
  }

 private:
  template <std::size_t... I>
  static void alternative(std::index_sequence<I...>, std::uint64_t index, token_reader& from, type& into) {
    ((index == I ? shape<A>::read(from, into.template emplace<I>()) : void()), ...);
  }
};

}  // namespace duplex::rpc::detail
