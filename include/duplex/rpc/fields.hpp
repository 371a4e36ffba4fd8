// SPDX-License-Identifier: BSD-2-Clause
// Structs, without their types: one struct costs the compiler a table, or its own serialize(), and nothing else.
#pragma once

#include <duplex/rpc/codec.hpp>
#include <duplex/rpc/describe.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cereal {
template <class T> class NameValuePair;  // so that no header of cereal is needed
}

namespace duplex::rpc::detail {

/// The operations of a T, without native ones; defined in archive.hpp.
template <class T> struct typed { static const value_ops ops; };

/// Boost.PFR's own limit.
inline constexpr std::size_t most_fields = 100;

struct field {
  std::string_view name;
  const value_ops* ops;
};

/// A struct that needs no description: travels as a map of its fields' names.
struct aggregate {
  std::string_view type;
  std::span<const field> fields;
  void (*members)(void* of, void** to);
};

void write_aggregate(token_writer& to, const void* value, const aggregate& type);
/// Fields it does not know are skipped, those that are missing stay as they are.
void read_aggregate(token_reader& from, void* into, const aggregate& type);
std::string describe_aggregate(describer& to, const aggregate& type);

template <class T> inline constexpr bool is_pair = false;
template <class T> inline constexpr bool is_pair<cereal::NameValuePair<T>> = true;

/// What a struct's serialize() sees when it is written or described: an output archive of cereal's.
class out_fields {
 public:
  using is_saving = std::true_type;
  using is_loading = std::false_type;

  out_fields() = default;
  out_fields(const out_fields&) = delete;
  out_fields& operator=(const out_fields&) = delete;

  template <class... T> out_fields& operator()(T&&... members) {
    (one(members), ...);
    return *this;
  }
  template <class T> out_fields& operator&(T&& member) { return (*this)(member); }

 protected:
  ~out_fields() = default;
  virtual void field(std::string_view name, const void* value, const value_ops& ops) = 0;

 private:
  template <class T> void one(const T& member) {
    if constexpr (is_pair<T>) {
      field(member.name, std::addressof(member.value), typed<std::remove_cvref_t<decltype(member.value)>>::ops);
    } else {
      field(std::to_string(unnamed_++), std::addressof(member), typed<T>::ops);
    }
  }

  std::size_t unnamed_ = 0;
};

/// What it sees when it is read: an input archive. Fields in the writer's order cost no look-up.
class in_fields {
 public:
  using is_saving = std::false_type;
  using is_loading = std::true_type;

  explicit in_fields(token_reader& from) : from_(from), pairs_(from.map()) {}
  in_fields(const in_fields&) = delete;
  in_fields& operator=(const in_fields&) = delete;

  template <class... T> in_fields& operator()(T&&... members) {
    (one(members), ...);
    return *this;
  }
  template <class T> in_fields& operator&(T&& member) { return (*this)(member); }
  /// Steps over what nobody asked for.
  void finish();

 private:
  struct entry {
    std::string_view name, rest;
  };

  template <class T> void one(T& member) {
    if constexpr (is_pair<std::remove_const_t<T>>) {
      field(member.name, std::addressof(member.value), typed<std::remove_cvref_t<decltype(member.value)>>::ops);
    } else {
      field(std::to_string(unnamed_++), std::addressof(member), typed<T>::ops);
    }
  }
  void field(std::string_view name, void* value, const value_ops& ops);
  void read(std::string_view name, void* value, const value_ops& ops);
  void index(std::string_view first);

  token_reader& from_;
  token_reader::items pairs_;
  std::vector<entry> index_;  // of what comes after the first field that was not the expected one
  std::size_t unnamed_ = 0;
};

/// serialize() of a T with its type erased.
struct description {
  std::string_view type;
  void (*out)(const void* value, out_fields& to);
  void (*in)(void* value, in_fields& from);
};

void write_described(token_writer& to, const void* value, const description& type);
void read_described(token_reader& from, void* into, const description& type);
std::string describe_described(describer& to, const void* value, const description& type);

}  // namespace duplex::rpc::detail
