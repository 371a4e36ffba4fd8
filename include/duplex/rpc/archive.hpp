// SPDX-License-Identifier: BSD-2-Clause
// From a type to what codecs need of it. Your own struct needs nothing if it is an aggregate, else
// `template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(x), CEREAL_NVP(y)); }`, as cereal has it.
#pragma once

#include <duplex/rpc/codec.hpp>
#include <duplex/rpc/containers.hpp>
#include <duplex/rpc/natives.hpp>
#include <duplex/rpc/variant.hpp>

#include <string>
#include <string_view>

namespace duplex::rpc {

namespace detail {

template <class T> void write_erased(token_writer& to, const void* value) {
  shape<T>::write(to, *static_cast<const T*>(value));
}
template <class T> void read_erased(token_reader& from, void* into) { shape<T>::read(from, *static_cast<T*>(into)); }

template <class T>
constinit const value_ops typed<T>::ops = {&write_erased<T>, &read_erased<T>, &shape<T>::describe, {}};

template <class T, class... Codecs>
inline constexpr auto natives_of = natives<T, bytes_native, protobuf_native, Codecs...>();
template <class T, class... Codecs>
inline constexpr value_ops complete = {&write_erased<T>, &read_erased<T>, &shape<T>::describe,
                                       natives_of<T, Codecs...>};

}  // namespace detail

/// What is known of T where T is not. `Codecs` are those that are compiled in for a type, as rpc::cereal is.
/// Thread: any.
template <class T, class... Codecs> constexpr const value_ops& ops_of() noexcept {
  return detail::complete<T, Codecs...>;
}

/// For custom<T>: a value within a value. Throws codec_error.
template <class T> void write_value(token_writer& to, const T& value) { detail::shape<T>::write(to, value); }
template <class T> void read_value(token_reader& from, T& into) { detail::shape<T>::read(from, into); }

template <class T> std::string describer::type() { return detail::shape<T>::describe(*this); }

/// A value as a message. Throws codec_error. Thread: any.
template <class T> std::string encode(const codec& by, const T& value) {
  std::string out;
  encode(out, by, ops_of<T>(), &value, nullptr);
  return out;
}

/// A message as a value. Throws codec_error. Thread: any.
template <class T> T decode(const codec& by, std::string_view in, const codec_limits& limits = {}) {
  T value{};
  decode(in, by, ops_of<T>(), &value, limits, nullptr);
  return value;
}

}  // namespace duplex::rpc
