// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/containers.hpp>
#include <duplex/rpc/input.hpp>

#include <cereal/archives/portable_binary.hpp>
#include <cereal/cereal.hpp>
#include <cereal/types/array.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/variant.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

namespace duplex::rpc {

/// Reads what cereal's PortableBinaryOutputArchive writes, from memory and under a budget; throws codec_error. Each
/// container announces its size first: an item is at least a byte long (so items of an empty struct are refused), and
/// is only made once it is read. Pointers and polymorphic types are not for messages of strangers. Thread: one at a
/// time.
class guarded_input : public ::cereal::InputArchive<guarded_input, ::cereal::AllowEmptyClassElision>, public input {
 public:
  guarded_input(std::string_view in, const codec_limits& limits) : InputArchive(this), input(in, limits) {
    if (take(1)[0] != 1) throw codec_error{"big-endian data of cereal's"};
  }

  /// How many items or bytes follow.
  std::size_t announced() {
    std::uint64_t size = 0;
    std::memcpy(&size, take(sizeof size).data(), sizeof size);
    if (size > rest().size())
      throw codec_error{"announces " + std::to_string(size) + " items, has " + std::to_string(rest().size()) +
                        " bytes left"};
    return size;
  }
};

namespace detail {

// What cereal wraps values in; they nest nothing.
template <class T> inline constexpr bool is_wrapper = is_pair<T>;
template <class T> inline constexpr bool is_wrapper<::cereal::SizeTag<T>> = true;
template <class T> inline constexpr bool is_wrapper<::cereal::BinaryData<T>> = true;
template <class... A> inline constexpr bool is_wrapper<std::basic_string<A...>> = true;

template <class T>
concept nesting = std::is_class_v<T> && !is_wrapper<T>;
template <class T>
concept plain_aggregate = std::is_aggregate_v<T> && std::derived_from<shape<T>, aggregate_shape<T>>;
template <class T> void load_within(guarded_input& from, auto name, T& into) {
  try {
    from(into);
  } catch (codec_error& why) {
    why.within(name);
    throw;
  }
}

}  // namespace detail
}  // namespace duplex::rpc

namespace cereal {  // where cereal looks for an archive's functions; each is more specialised than cereal's own

template <class T>
requires std::is_arithmetic_v<T>
void CEREAL_LOAD_FUNCTION_NAME(duplex::rpc::guarded_input& from, T& into) {
  const auto raw = from.take(sizeof into);
  if constexpr (std::is_same_v<T, bool>) {
    into = raw[0] != 0;
  } else {
    std::memcpy(&into, raw.data(), sizeof into);
  }
}

template <class T> void CEREAL_LOAD_FUNCTION_NAME(duplex::rpc::guarded_input& from, NameValuePair<T>& pair) {
  duplex::rpc::detail::load_within(from, std::string_view{pair.name}, pair.value);
}

template <class T> void CEREAL_LOAD_FUNCTION_NAME(duplex::rpc::guarded_input& from, SizeTag<T>& tag) {
  tag.size = from.announced();
  from.count(tag.size);
}

template <class T> void CEREAL_LOAD_FUNCTION_NAME(duplex::rpc::guarded_input& from, BinaryData<T>& data) {
  const auto size = static_cast<std::size_t>(data.size);
  std::memcpy(data.data, from.take(size).data(), size);
}

template <class C, class T, class A>
void CEREAL_LOAD_FUNCTION_NAME(duplex::rpc::guarded_input& from, std::basic_string<C, T, A>& into) {
  const auto raw = from.take(sizeof(C) * from.announced());
  into.resize(raw.size() / sizeof(C));
  std::memcpy(into.data(), raw.data(), raw.size());
}

/// An aggregate needs no description here either.
template <class Archive, duplex::rpc::detail::plain_aggregate T>
void CEREAL_SERIALIZE_FUNCTION_NAME(Archive& archive, T& value) {
  duplex::rpc::names::for_each_field(value, [&](auto& member, [[maybe_unused]] std::size_t at) {
    if constexpr (std::is_same_v<Archive, duplex::rpc::guarded_input>) {
      duplex::rpc::detail::load_within(archive, duplex::rpc::names::fields<T>[at], member);
    } else {
      archive(member);
    }
  });
}

template <class Archive> void CEREAL_SAVE_FUNCTION_NAME(Archive& to, const duplex::bytes& value) { to(value.str()); }
template <class Archive> void CEREAL_LOAD_FUNCTION_NAME(Archive& from, duplex::bytes& into) {
  into = duplex::bytes{from.take(from.announced())};
}

template <duplex::rpc::detail::nesting T> void prologue(duplex::rpc::guarded_input& from, const T&) { from.enter(); }
template <duplex::rpc::detail::nesting T> void epilogue(duplex::rpc::guarded_input& from, const T&) { from.leave(); }

}  // namespace cereal

CEREAL_REGISTER_ARCHIVE(duplex::rpc::guarded_input)

// What wrote it: cereal asks for that where a type has load_minimal() and save_minimal(), as enums have. Its macro
// would say the reverse too, which it says itself of its own input archive.
namespace cereal::traits::detail {
template <> struct get_output_from_input<duplex::rpc::guarded_input> { using type = PortableBinaryOutputArchive; };
}  // namespace cereal::traits::detail
