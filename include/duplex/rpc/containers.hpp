// SPDX-License-Identifier: BSD-2-Clause
// shape<T> of containers, by what they can do: those of std need not be included here.
#pragma once

#include <duplex/rpc/shape.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace duplex::rpc::detail {

template <class T>
concept byte_like = std::same_as<T, std::byte> || std::same_as<T, std::uint8_t>;
template <class T>
concept mapping = requires(T& of) {
  typename T::mapped_type;
  of.try_emplace(typename T::key_type{});
};
template <class T>
concept sequence = !mapping<T> && requires(T & of) {
  typename T::value_type;
  of.clear();
  of.begin();
  of.size();
};

/// A node of a list, a set or a map takes that much besides its value: three pointers and a colour.
inline constexpr std::size_t node = 32;

inline std::string_view view(const auto& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// Reads item `at` and says so if it fails.
template <class T> void read_item(token_reader& from, T& into, std::size_t at) {
  try {
    shape<T>::read(from, into);
  } catch (codec_error& why) {
    why.within(at);
    throw;
  }
}

template <byte_like T, class A> struct shape<std::vector<T, A>> {
  static void write(token_writer& to, const std::vector<T, A>& value) { to.bin(view(value)); }
  static void read(token_reader& from, std::vector<T, A>& into) {
    const auto bytes = from.bin();
    const auto* const begin = reinterpret_cast<const T*>(bytes.data());
    into.assign(begin, begin + bytes.size());
  }
  static std::string describe(describer&) { return "bytes"; }
};

template <byte_like T, std::size_t N> struct shape<std::array<T, N>> {
  static void write(token_writer& to, const std::array<T, N>& value) { to.bin(view(value)); }
  static void read(token_reader& from, std::array<T, N>& into) {
    const auto bytes = from.bin();
    if (bytes.size() != N)
      throw codec_error{"expected " + std::to_string(N) + " bytes, got " + std::to_string(bytes.size())};
    std::copy_n(reinterpret_cast<const T*>(bytes.data()), N, into.begin());
  }
  static std::string describe(describer&) { return "bytes"; }
};

template <sequence T> struct shape<T> {
  using item = typename T::value_type;

  static void write(token_writer& to, const T& value) {
    to.array(value.size());
    for (const auto& each : value) shape<item>::write(to, each);
  }
  static void read(token_reader& from, T& into) {
    into.clear();
    auto values = from.array();
    if constexpr (requires { into.reserve(1); })  // at most 4 kB ahead of what is really there
      into.reserve(std::min(values.left(), 4096 / sizeof(item) + 1));
    for (std::size_t at = 0; values.next(); ++at) {
      from.grow(sizeof(item) + (requires { into.data(); } ? 0 : node));
      if constexpr (requires {
                      { into.emplace_back() } -> std::same_as<item&>;
                    }) {
        read_item(from, into.emplace_back(), at);
      } else {
        item each{};
        read_item(from, each, at);
        into.insert(into.end(), std::move(each));
      }
    }
  }
  static std::string describe(describer& to) { return '[' + shape<item>::describe(to) + ']'; }
};

template <mapping T> struct shape<T> {
  using key = typename T::key_type;
  using item = typename T::mapped_type;

  static void write(token_writer& to, const T& value) {
    to.map(value.size());
    for (const auto& [name, each] : value) {
      shape<key>::write(to, name);
      shape<item>::write(to, each);
    }
  }
  static void read(token_reader& from, T& into) {
    into.clear();
    auto pairs = from.map();
    for (std::size_t at = 0; pairs.next(); ++at) {
      from.grow(sizeof(typename T::value_type) + node);
      key name{};
      read_key(from, name);
      read_item(from, into[std::move(name)], at);
    }
  }
  static void read_key(token_reader& from, key& into) {
    if constexpr (std::is_enum_v<key>) {
      into = static_cast<key>(shape<std::underlying_type_t<key>>::of(from.key_integer()));
    } else if constexpr (std::integral<key> && !std::same_as<key, bool>) {
      into = shape<key>::of(from.key_integer());
    } else {
      shape<key>::read(from, into);
    }
  }
  static std::string describe(describer& to) {
    return '{' + shape<key>::describe(to) + ": " + shape<item>::describe(to) + '}';
  }
};

/// What has as many values as its type says.
template <class T> struct tuple_shape {
  static void write(token_writer& to, const T& value) {
    to.array(std::tuple_size_v<T>);
    std::apply([&]<class... A>(const A&... each) { (shape<A>::write(to, each), ...); }, value);
  }
  static void read(token_reader& from, T& into) {
    auto values = from.array();
    std::size_t at = 0;
    std::apply([&]<class... A>(A&... each) { (one(from, values, each, at++), ...); }, into);
    while (values.next()) {
      from.skip();
      ++at;
    }
    if (at != std::tuple_size_v<T>) wrong_count(at);
  }

 private:
  template <class A> static void one(token_reader& from, token_reader::items& values, A& each, std::size_t at) {
    if (!values.next()) wrong_count(at);
    read_item(from, each, at);
  }
  [[noreturn]] static void wrong_count(std::size_t got) {
    constexpr auto wanted = std::tuple_size_v<T>;
    throw codec_error{"expected " + std::to_string(wanted) + (wanted == 1 ? " value" : " values") + ", got " +
                      std::to_string(got)};
  }
};

template <class T, std::size_t N> struct shape<std::array<T, N>> : tuple_shape<std::array<T, N>> {
  static std::string describe(describer& to) { return '[' + shape<T>::describe(to) + ']'; }
};

template <class... A> struct shape<std::tuple<A...>> : tuple_shape<std::tuple<A...>> {
  static std::string describe(describer& to) {
    std::string text;
    ((text += (text.empty() ? "" : ", ") + shape<A>::describe(to)), ...);
    return '(' + text + ')';
  }
};

template <class A, class B> struct shape<std::pair<A, B>> : tuple_shape<std::pair<A, B>> {
  static std::string describe(describer& to) { return shape<std::tuple<A, B>>::describe(to); }
};

template <class T> struct shape<std::optional<T>> {
  static void write(token_writer& to, const std::optional<T>& value) { value ? shape<T>::write(to, *value) : to.nil(); }
  static void read(token_reader& from, std::optional<T>& into) {
    if (from.nil()) {
      into.reset();
    } else {
      shape<T>::read(from, into.emplace());
    }
  }
  static std::string describe(describer& to) { return shape<T>::describe(to) + '?'; }
};

}  // namespace duplex::rpc::detail
