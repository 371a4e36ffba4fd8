// SPDX-License-Identifier: BSD-2-Clause
#include "transport/hello.hpp"

#include <duplex/options.hpp>
#include <duplex/percent.hpp>
#include <duplex/version.hpp>

#include <charconv>
#include <random>

namespace duplex::transport {

std::string control_frame::encode() const { return word + ';' + encode_list(items); }

result<control_frame> control_frame::decode(std::string_view text) {
  const auto end = text.find(';');
  if (end == std::string_view::npos || end == 0) return {errc::malformed, "control frame without a word"};
  auto items = decode_list(text.substr(end + 1));
  if (!items) return {errc::malformed, "control frame with an item that is not percent-encoded or lacks its ';'"};
  return control_frame{std::string{text.substr(0, end)}, std::move(*items)};
}

std::vector<std::string> hello::to_items() const {
  return {"name=" + name,
          "instance=" + instance,
          "version=" + version,
          "max_frame=" + std::to_string(max_frame),
          "max_open_record=" + std::to_string(max_open_record),
          "features="};  // version 1 has none to name
}

result<hello> hello::from_items(const std::vector<std::string>& items) {
  const auto text = [&](std::string_view key) { return std::string{find_value(items, key).value_or("")}; };
  hello said{.name = text("name"), .instance = text("instance"), .version = text("version")};
  if (!said.name.empty() && !is_valid_name(said.name)) return {errc::malformed, "hello with an impossible name"};
  if (said.instance.empty()) return {errc::malformed, "hello without an instance"};
  const auto number = [&](std::string_view key, std::uint64_t& into) {
    const auto value = find_value(items, key);
    if (!value) return true;
    const auto* const last = value->data() + value->size();
    const auto read = std::from_chars(value->data(), last, into);
    return read.ec == std::errc{} && read.ptr == last;
  };
  for (const auto& [key, into] : {std::pair{"max_frame", &said.max_frame}, {"max_open_record", &said.max_open_record}})
    if (!number(key, *into)) return {errc::malformed, std::string{"hello with a "} + key + " that is no number"};
  return said;
}

const std::string& instance_id() {
  static const std::string id = [] {
    std::random_device random;
    static constexpr std::string_view hex = "0123456789abcdef";
    std::string text;
    for (int i = 0; i < 32; ++i) text += hex[random() & 15];
    return text;
  }();
  return id;
}

}  // namespace duplex::transport
