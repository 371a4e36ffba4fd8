// SPDX-License-Identifier: BSD-2-Clause
#include "transport/open_record.hpp"

#include <duplex/percent.hpp>

#include <charconv>

namespace duplex::transport {
namespace {

constexpr std::string_view magic = "duplex/1;";

bool parse_number(std::string_view text, std::uint64_t& number) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  return !text.empty() && ec == std::errc{} && end == text.data() + text.size();
}

// The field up to the next ';', which is dropped with it.
std::optional<std::string_view> next_field(std::string_view& text) {
  const auto end = text.find(';');
  if (end == std::string_view::npos) return std::nullopt;
  const auto field = text.substr(0, end);
  text.remove_prefix(end + 1);
  return field;
}

error malformed(std::string_view what) { return {errc::malformed, "open record: " + std::string{what}}; }

}  // namespace

std::string open_record::encode() const {
  std::string text{magic};
  text.append("id=").append(std::to_string(id)) += ';';
  if (parent)
    text.append(parent->opener == side::dialler ? "parent=c" : "parent=s").append(std::to_string(parent->number)) +=
        ';';
  text += ';';
  return text += encode_list(headers);
}

bool open_record::is_record(std::string_view originator) { return originator.starts_with("duplex/"); }

result<open_record> open_record::decode(std::string_view text, std::uint64_t limit) {
  if (text.size() > limit)
    return {errc::resource_exhausted, "open record: " + std::to_string(text.size()) + " bytes are over the limit of " +
                                          std::to_string(limit) + " (option max_open_record)"};
  if (!text.starts_with(magic)) return malformed("not of version 1");
  text.remove_prefix(magic.size());

  open_record record;
  auto field = next_field(text);
  if (!field || !field->starts_with("id=") || !parse_number(field->substr(3), record.id)) return malformed("no id");
  field = next_field(text);
  if (field && field->starts_with("parent=")) {
    channel_id parent;
    const auto value = field->substr(7);
    if (value.size() < 2 || (value[0] != 'c' && value[0] != 's') || !parse_number(value.substr(1), parent.number))
      return malformed("parent is neither cN nor sN");
    parent.opener = value[0] == 'c' ? side::dialler : side::acceptor;
    record.parent = parent;
    field = next_field(text);
  }
  if (!field || !field->empty()) return malformed("no empty field before the headers");
  auto headers = decode_list(text);
  if (!headers) return malformed("a header is not percent-encoded or lacks its ';'");
  record.headers = std::move(*headers);
  return record;
}

}  // namespace duplex::transport
