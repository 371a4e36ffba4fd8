// SPDX-License-Identifier: BSD-2-Clause
#include "tools/duplex/json_value.hpp"

namespace duplex::rpc {
namespace {

void copy(token_reader& from, token_writer& to);

void copy_items(token_reader& from, token_writer& to, bool pairs) {
  auto items = pairs ? from.map() : from.array();
  if (pairs)
    to.map(items.left());
  else
    to.array(items.left());
  while (items.next()) {
    if (pairs) copy(from, to);
    copy(from, to);
  }
}

void copy(token_reader& from, token_writer& to) {
  switch (from.peek()) {
    case token::nil:
      from.nil();
      return to.nil();
    case token::boolean:
      return to.boolean(from.boolean());
    case token::integer: {
      const auto n = from.integer();
      return n.negative ? to.integer(-1 - static_cast<std::int64_t>(n.bits)) : to.integer(n.bits);
    }
    case token::real:
      return to.real(from.real());
    case token::str:
      return to.str(from.str());
    case token::bin:
      return to.bin(from.bin());
    case token::array:
      return copy_items(from, to, false);
    case token::map:
      return copy_items(from, to, true);
    case token::other:
      from.wrong("a value of JSON's");
  }
}

}  // namespace

void custom<tools::json_value>::write(token_writer& to, const tools::json_value& value) {
  const auto copy_here = [](token_reader& from, void* into) { copy(from, *static_cast<token_writer*>(into)); };
  json()->decode(value.text, {}, {copy_here, &to}, nullptr);
}

void custom<tools::json_value>::read(token_reader& from, tools::json_value& into) {
  const auto copy_here = [](token_writer& to, const void* reader) {
    copy(**static_cast<token_reader* const*>(reader), to);
  };
  const auto* reader = &from;
  into.text.clear();
  json()->encode(into.text, {copy_here, &reader}, nullptr);
}

void custom<tools::json_arguments>::write(token_writer& to, const tools::json_arguments& value) {
  to.array(value.list.size());
  for (const auto& one : value.list) {
    if (const auto* known = std::get_if<tools::json_value>(&one))
      write_value(to, *known);
    else
      detail::write_handle(
          to, "$fn", detail::scope_of(to.scope, "a function").lend(std::get<detail::servable_ptr>(one), nullptr).id);
  }
}

void custom<tools::json_arguments>::read(token_reader& from, tools::json_arguments& into) {
  std::vector<tools::json_value> values;
  read_value(from, values);
  into.list.assign(values.begin(), values.end());
}

}  // namespace duplex::rpc
