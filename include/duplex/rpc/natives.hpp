// SPDX-License-Identifier: BSD-2-Clause
// What the codecs "bytes" and "protobuf" do with the types they take. A codec of that kind is a class with a name,
// takes<T>, write<T>() and read<T>(); ops_of<T, your_codec>() adds one.
#pragma once

#include <duplex/rpc/containers.hpp>
#include <duplex/rpc/message.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

namespace duplex::rpc::detail {

/// Of the arguments of a call, the one there is.
template <class T> struct sole {
  using type = T;
  static auto& of(auto& value) { return value; }
};
template <class T> struct sole<std::tuple<T>> {
  using type = T;
  static auto& of(auto& value) { return std::get<0>(value); }
};

template <class T> inline constexpr bool is_blob = std::is_same_v<T, std::string> || std::is_same_v<T, duplex::bytes>;
template <byte_like T, class A> inline constexpr bool is_blob<std::vector<T, A>> = true;

/// The result of a call that has none is empty.
inline void nothing_left(std::string_view in) {
  if (!in.empty()) throw codec_error{std::to_string(in.size()) + " bytes left over"};
}

struct bytes_native {
  static constexpr std::string_view name = "bytes";
  template <class T> static constexpr bool takes = is_blob<typename sole<T>::type> || std::is_same_v<T, std::monostate>;

  template <class T> static void write(std::string& out, const void* value) {
    if constexpr (!std::is_same_v<T, std::monostate>) out.append(view(sole<T>::of(*static_cast<const T*>(value))));
  }
  template <class T> static void read(std::string_view in, void* into, const codec_limits&) {
    if constexpr (std::is_same_v<T, std::monostate>) {
      nothing_left(in);
    } else {
      using blob = typename sole<T>::type;
      const auto* const begin = reinterpret_cast<const char*>(in.data());
      auto& to = sole<T>::of(*static_cast<T*>(into));
      if constexpr (std::is_same_v<blob, duplex::bytes>) {
        to = duplex::bytes{in};
      } else {
        using item = typename blob::value_type;
        to.assign(reinterpret_cast<const item*>(begin), reinterpret_cast<const item*>(begin + in.size()));
      }
    }
  }
};

struct protobuf_native {
  static constexpr std::string_view name = "protobuf";
  template <class T> static constexpr bool takes = message<typename sole<T>::type> || std::is_same_v<T, std::monostate>;

  template <class T> static void write(std::string& out, const void* value) {
    if constexpr (!std::is_same_v<T, std::monostate>) append_message(out, sole<T>::of(*static_cast<const T*>(value)));
  }
  template <class T> static void read(std::string_view in, void* into, const codec_limits& limits) {
    if constexpr (std::is_same_v<T, std::monostate>) {
      nothing_left(in);
    } else {
      input budget{in, limits};
      parse_message(in, sole<T>::of(*static_cast<T*>(into)), budget, &sole<T>::type::ParseFromCodedStream);
    }
  }
};

template <class T, class... Codecs> consteval auto natives() {
  std::array<native_ops, (std::size_t{Codecs::template takes<T>} + ... + 0)> all{};
  std::size_t at = 0;
  const auto add = [&]<class Codec>(std::type_identity<Codec>) {
    if constexpr (Codec::template takes<T>)
      all[at++] = {Codec::name, &Codec::template write<T>, &Codec::template read<T>};
  };
  (add(std::type_identity<Codecs>{}), ...);
  return all;
}

}  // namespace duplex::rpc::detail
