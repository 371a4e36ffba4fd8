// SPDX-License-Identifier: BSD-2-Clause
// What cereal would resize to an announced size, item by item instead.
#pragma once

#include <duplex/rpc/codec/guarded_input.hpp>

#include <cereal/types/deque.hpp>
#include <cereal/types/list.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/set.hpp>
#include <cereal/types/unordered_map.hpp>
#include <cereal/types/unordered_set.hpp>
#include <cereal/types/vector.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

namespace duplex::rpc::detail {

template <class T>
concept flat = (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) || std::is_same_v<T, std::byte>;

template <class T> void load_items(guarded_input& from, T& into, std::size_t node_size) {
  using item = typename T::value_type;
  const auto count = from.announced();
  from.count(count);
  into.clear();
  if constexpr (requires { into.reserve(1); }) into.reserve(std::min(count, 4096 / sizeof(item) + 1));
  for (std::size_t at = 0; at < count; ++at) {
    from.grow(sizeof(item) + node_size);
    item each{};
    load_within(from, at, each);
    into.insert(into.end(), std::move(each));
  }
}

}  // namespace duplex::rpc::detail

namespace cereal {

template <class T, class A> void CEREAL_LOAD_FUNCTION_NAME(duplex::rpc::guarded_input& from, std::vector<T, A>& into) {
  if constexpr (duplex::rpc::detail::flat<T>) {
    const auto count = from.announced();
    if (sizeof(T) > 1) from.count(count);
    const auto raw = from.take(sizeof(T) * count);
    into.resize(count);
    if (count != 0) std::memcpy(into.data(), raw.data(), raw.size());
  } else {
    duplex::rpc::detail::load_items(from, into, 0);
  }
}

template <class A> void CEREAL_LOAD_FUNCTION_NAME(duplex::rpc::guarded_input& from, std::vector<bool, A>& into) {
  duplex::rpc::detail::load_items(from, into, 0);
}
template <class T, class A> void CEREAL_LOAD_FUNCTION_NAME(duplex::rpc::guarded_input& from, std::deque<T, A>& into) {
  duplex::rpc::detail::load_items(from, into, 0);
}
template <class T, class A> void CEREAL_LOAD_FUNCTION_NAME(duplex::rpc::guarded_input& from, std::list<T, A>& into) {
  duplex::rpc::detail::load_items(from, into, duplex::rpc::detail::node);
}
template <class K, class C, class A>
void CEREAL_LOAD_FUNCTION_NAME(duplex::rpc::guarded_input& from, std::set<K, C, A>& into) {
  duplex::rpc::detail::load_items(from, into, duplex::rpc::detail::node);
}
template <class K, class H, class E, class A>
void CEREAL_LOAD_FUNCTION_NAME(duplex::rpc::guarded_input& from, std::unordered_set<K, H, E, A>& into) {
  duplex::rpc::detail::load_items(from, into, duplex::rpc::detail::node);
}

template <template <class...> class Map, class... A, class = typename Map<A...>::mapped_type>
void CEREAL_LOAD_FUNCTION_NAME(duplex::rpc::guarded_input& from, Map<A...>& into) {
  const auto count = from.announced();
  from.count(count);
  into.clear();
  for (std::size_t at = 0; at < count; ++at) {
    from.grow(sizeof(typename Map<A...>::value_type) + duplex::rpc::detail::node);
    typename Map<A...>::key_type key{};
    typename Map<A...>::mapped_type item{};
    from(key);
    duplex::rpc::detail::load_within(from, at, item);
    into.emplace(std::move(key), std::move(item));
  }
}

}  // namespace cereal
