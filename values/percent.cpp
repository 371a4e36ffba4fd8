// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/percent.hpp>

namespace duplex {
namespace {

bool must_encode(unsigned char c) { return c < 0x20 || c == 0x7f || c == '%' || c == ';'; }

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string percent_encode(std::string_view text) {
  static constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (must_encode(byte)) {
      out += '%';
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
  return out;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\0') return std::nullopt;
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = digit(text[i + 1]), low = digit(text[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string encode_list(const std::vector<std::string>& items) {
  std::string out;
  for (const auto& item : items) out.append(percent_encode(item)) += ';';
  return out;
}

std::optional<std::vector<std::string>> decode_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const auto end = text.find(';');
    if (end == std::string_view::npos) return std::nullopt;
    auto item = percent_decode(text.substr(0, end));
    if (!item) return std::nullopt;
    items.push_back(std::move(*item));
    text.remove_prefix(end + 1);
  }
  return items;
}

std::optional<std::string_view> find_value(const std::vector<std::string>& items, std::string_view key) {
  for (const auto& item : items) {
    const std::string_view text{item};
    if (text.size() > key.size() && text[key.size()] == '=' && text.starts_with(key))
      return text.substr(key.size() + 1);
  }
  return std::nullopt;
}

}  // namespace duplex
