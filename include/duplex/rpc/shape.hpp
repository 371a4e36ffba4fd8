// SPDX-License-Identifier: BSD-2-Clause
// What a type is to a codec. shape<T> has write(), read() and describe(); here for all but containers.
#pragma once

#include <duplex/bytes.hpp>
#include <duplex/rpc/fields.hpp>
#include <duplex/rpc/message.hpp>
#include <duplex/rpc/names.hpp>

#include <concepts>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

namespace duplex::rpc {

/// How a type of yours is written, where neither its fields nor serialize() say it. Specialise it with the static
/// functions `void write(token_writer&, const T&)`, `void read(token_reader&, T&)`, `std::string describe(describer&)`.
template <class T> struct custom;

namespace detail {

template <class T> struct shape;

template <class T>
concept customised = requires {
  sizeof(custom<T>);
};
template <class T>
concept serialize_member = requires(T& value, out_fields& to) {
  value.serialize(to);
};
template <class T>
concept serialize_function = requires(T& value, out_fields& to) {
  serialize(to, value);
};
template <class T>
concept described = serialize_member<T> || serialize_function<T>;
template <class T> void walk(T& value, auto& fields) {
  if constexpr (serialize_member<T>) {
    value.serialize(fields);
  } else {
    serialize(fields, value);
  }
}

template <class T> struct described_shape {
  static constexpr description it = {names::type<T>(),
                                     [](const void* value, out_fields& to) {  // serialize() is not const in cereal
                                       walk(*const_cast<T*>(static_cast<const T*>(value)), to);
                                     },
                                     [](void* value, in_fields& from) { walk(*static_cast<T*>(value), from); }};

  static void write(token_writer& to, const T& value) { write_described(to, &value, it); }
  static void read(token_reader& from, T& into) { read_described(from, &into, it); }
  static std::string describe(describer& to) {
    const T value{};
    return describe_described(to, &value, it);
  }
};

template <class T> struct aggregate_shape {
  static constexpr auto count = names::detail::field_count<T>;
  static_assert(count <= most_fields);

  template <std::size_t I>
  using member =
      std::remove_cvref_t<decltype(boost::pfr::detail::sequence_tuple::get<I>(names::detail::tie(std::declval<T&>())))>;
  template <std::size_t... I> static constexpr std::array<field, count> fields_of(std::index_sequence<I...>) {
    return {field{names::fields<T>[I], &typed<member<I>>::ops}...};
  }
  static void members(void* of, void** to) {
    names::for_each_field(*static_cast<T*>(of), [&](auto& member, std::size_t) { *to++ = &member; });
  }
  static constexpr auto fields = fields_of(std::make_index_sequence<count>{});
  static constexpr aggregate it = {names::type<T>(), fields, &members};

  static void write(token_writer& to, const T& value) { write_aggregate(to, &value, it); }
  static void read(token_reader& from, T& into) { read_aggregate(from, &into, it); }
  static std::string describe(describer& to) { return describe_aggregate(to, it); }
};

template <class T> struct enum_shape {
  using number = std::underlying_type_t<T>;
  static void write(token_writer& to, const T& value) { shape<number>::write(to, static_cast<number>(value)); }
  static void read(token_reader& from, T& into) {
    number read{};
    shape<number>::read(from, read);
    into = static_cast<T>(read);
  }
  static std::string describe(describer&) { return describer::dotted(names::type<T>()); }
};

template <class T> struct undescribed {
  static_assert(described<T>, "duplex: give this type a serialize function (cereal's) or make it an aggregate");
};

template <class T> consteval auto choose() {
  if constexpr (customised<T>) {
    return std::type_identity<custom<T>>{};
  } else if constexpr (std::is_enum_v<T>) {
    return std::type_identity<enum_shape<T>>{};
  } else if constexpr (described<T>) {
    return std::type_identity<described_shape<T>>{};
  } else if constexpr (std::is_aggregate_v<T> && !std::is_array_v<T>) {
    return std::type_identity<aggregate_shape<T>>{};
  } else if constexpr (message<T>) {
    return std::type_identity<message_shape<T>>{};
  } else {
    return std::type_identity<undescribed<T>>{};
  }
}

template <class T> struct shape : decltype(choose<T>())::type {};

template <> struct shape<bool> {
  static void write(token_writer& to, bool value) { to.boolean(value); }
  static void read(token_reader& from, bool& into) { into = from.boolean(); }
  static std::string describe(describer&) { return "bool"; }
};

/// "i32"
template <std::integral T>
inline constexpr const char* integer_name = sizeof(T) == 1   ? (std::is_signed_v<T> ? "i8" : "u8")
                                            : sizeof(T) == 2 ? (std::is_signed_v<T> ? "i16" : "u16")
                                            : sizeof(T) == 4 ? (std::is_signed_v<T> ? "i32" : "u32")
                                                             : (std::is_signed_v<T> ? "i64" : "u64");

template <std::integral T> struct shape<T> {
  using wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
  using limits = std::numeric_limits<T>;

  static void write(token_writer& to, T value) { to.integer(static_cast<wide>(value)); }
  static void read(token_reader& from, T& into) { into = of(from.integer()); }
  static T of(rpc::number read) {
    if constexpr (std::is_signed_v<T>) {
      return static_cast<T>(fit(read, limits::min(), limits::max(), integer_name<T>));
    } else {
      return static_cast<T>(fit(read, limits::max(), integer_name<T>));
    }
  }
  static std::string describe(describer&) { return integer_name<T>; }
};

template <> struct shape<float> {
  static void write(token_writer& to, float value) { to.real(value); }
  static void read(token_reader& from, float& into) { into = from.real32(); }
  static std::string describe(describer&) { return "f32"; }
};

template <> struct shape<double> {
  static void write(token_writer& to, double value) { to.real(value); }
  static void read(token_reader& from, double& into) { into = from.real(); }
  static std::string describe(describer&) { return "f64"; }
};

template <> struct shape<std::string> {
  static void write(token_writer& to, const std::string& value) { to.str(value); }
  static void read(token_reader& from, std::string& into) { into = from.str(); }
  static std::string describe(describer&) { return "string"; }
};

template <> struct shape<duplex::bytes> {
  static void write(token_writer& to, const duplex::bytes& value) { to.bin(value.view()); }
  static void read(token_reader& from, duplex::bytes& into) { into = duplex::bytes{from.bin()}; }
  static std::string describe(describer&) { return "bytes"; }
};

}  // namespace detail
}  // namespace duplex::rpc
