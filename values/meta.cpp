// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/meta.hpp>
#include <duplex/percent.hpp>

#include <charconv>

namespace duplex {

std::optional<std::string_view> meta::header(std::string_view key) const { return find_value(headers, key); }

std::optional<std::string_view> meta::trailer(std::string_view key) const { return find_value(trailers, key); }

std::uint32_t meta::status() const {
  const auto text = trailer("status");
  if (!text) return 0;
  std::uint32_t number = 0;
  const auto* const end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, number);
  return read.ec == std::errc{} && read.ptr == end ? number : 1;
}

}  // namespace duplex
