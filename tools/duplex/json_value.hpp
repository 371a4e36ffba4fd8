// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc.hpp>

#include <string>
#include <variant>
#include <vector>

namespace duplex::tools {

/// *Value.* Any value of a call, as JSON text. Read from the codec json, or another that announces how long its arrays
/// are.
struct json_value {
  std::string text = "null";
};

/// *Value.* An argument: a value, or something that the other side may call.
using json_argument = std::variant<json_value, rpc::detail::servable_ptr>;

/// *Value.* The arguments of a call whose signature is not known here.
struct json_arguments {
  std::vector<json_argument> list;
};

/// Any value as one line of JSON.
template <class T> std::string to_json_text(const T& value) { return rpc::encode(*rpc::json(), value); }

}  // namespace duplex::tools

namespace duplex::rpc {

template <> struct custom<tools::json_value> {
  static void write(token_writer& to, const tools::json_value& value);
  static void read(token_reader& from, tools::json_value& into);
  static std::string describe(describer&) { return "any"; }
};

template <> struct custom<tools::json_arguments> {
  static void write(token_writer& to, const tools::json_arguments& value);
  static void read(token_reader& from, tools::json_arguments& into);
  static std::string describe(describer&) { return "any"; }
};

}  // namespace duplex::rpc
