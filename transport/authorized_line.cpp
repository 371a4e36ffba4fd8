// SPDX-License-Identifier: BSD-2-Clause
#include "transport/authorized_line.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace duplex::transport {
namespace {

constexpr std::string_view blanks = " \t\r";

// The types that the handshake lets a user sign with, and how many fields their blobs have.
struct key_type {
  std::string_view name;
  std::size_t fields;
};
constexpr std::array key_types{key_type{"ssh-ed25519", 2}, key_type{"ssh-rsa", 3}, key_type{"ecdsa-sha2-nistp256", 3},
                               key_type{"ecdsa-sha2-nistp384", 3}, key_type{"ecdsa-sha2-nistp521", 3}};

const key_type* find_type(std::string_view name) {
  const auto* found =
      std::find_if(key_types.begin(), key_types.end(), [&](const key_type& t) { return t.name == name; });
  return found == key_types.end() ? nullptr : found;
}

// Of a security key (sk-) libssh 0.10 can neither copy the public half nor tell whether its user was there.
bool is_foreign_type(std::string_view word) {
  return word == "ssh-dss" || (word.starts_with("sk-") && word.ends_with("@openssh.com")) ||
         (word.ends_with("-cert-v01@openssh.com") && word.find_first_of("=\"") == word.npos);
}

error wrong(std::string text) { return {errc::invalid_argument, std::move(text)}; }

std::string_view take_word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(blanks), rest.size()));
  const auto word = rest.substr(0, rest.find_first_of(blanks));
  rest.remove_prefix(word.size());
  return word;
}

// Up to the first blank outside quotes, as sshd skips them: \" neither opens nor closes.
std::string_view take_options(std::string_view& rest) {
  bool within = false;
  std::size_t at = 0;
  for (; at < rest.size() && (within || blanks.find(rest[at]) == std::string_view::npos); ++at) {
    if (rest[at] == '\\' && at + 1 < rest.size() && rest[at + 1] == '"')
      ++at;
    else if (rest[at] == '"')
      within = !within;
  }
  const auto options = rest.substr(0, at);
  rest.remove_prefix(options.size());
  return options;
}

int sextet(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// An SSH string (RFC 4251 section 5) from the front.
std::optional<std::string_view> take_field(std::string_view& blob) {
  if (blob.size() < 4) return std::nullopt;
  std::size_t size = 0;
  for (const char c : blob.substr(0, 4)) size = size << 8 | static_cast<unsigned char>(c);
  blob.remove_prefix(4);
  if (size > blob.size()) return std::nullopt;
  const auto field = blob.substr(0, size);
  blob.remove_prefix(size);
  return field;
}

}  // namespace

std::optional<std::string> from_base64(std::string_view base64) {
  if (base64.empty() || base64.size() % 4 != 0) return std::nullopt;
  for (int padding = 0; padding < 2 && base64.ends_with('='); ++padding) base64.remove_suffix(1);
  std::string bytes;
  bytes.reserve(base64.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : base64) {
    const int value = sextet(c);
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xffU);
    bits &= (1U << count) - 1;
  }
  if (bits != 0) return std::nullopt;
  return bytes;
}

std::optional<std::string> key_blob(std::string_view type, std::string_view base64) {
  const auto* known = find_type(type);
  auto blob = from_base64(base64);
  if (known == nullptr || !blob) return std::nullopt;
  std::string_view rest = *blob;
  for (std::size_t n = 0; n < known->fields; ++n) {
    const auto field = take_field(rest);
    if (!field || field->empty() || (n == 0 && *field != type)) return std::nullopt;
    if (n == 1 && type == "ssh-ed25519" && field->size() != 32) return std::nullopt;
  }
  if (!rest.empty()) return std::nullopt;
  return blob;
}

std::string_view trimmed(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
  return line.substr(0, line.find_last_not_of(blanks) + 1);
}

bool is_blank(std::string_view line) {
  line = trimmed(line);
  return line.empty() || line.front() == '#';
}

result<authorized_line> authorized_line::parse(std::string_view line) {
  auto rest = trimmed(line);
  if (rest.size() > max_authorized_line)
    return wrong("a line of " + std::to_string(rest.size()) + " bytes is over the limit of " +
                 std::to_string(max_authorized_line));
  if (rest.find('\0') != std::string_view::npos) return wrong("a NUL byte is in the line");
  if (rest.find("PRIVATE KEY-----") != std::string_view::npos)
    return wrong("that is a private key, which stays with its owner; its public half is in the .pub file beside it");
  authorized_line made;
  auto ahead = rest;
  auto type = take_word(ahead);
  if (find_type(type) != nullptr || is_foreign_type(type)) {
    rest = ahead;
  } else {
    made.options = take_options(rest);
    type = take_word(rest);
  }
  if (is_foreign_type(type)) return wrong("keys of type " + std::string{type} + " are not taken");
  if (find_type(type) == nullptr) return wrong("no key is in it: '[options] keytype base64 [comment]' is expected");
  auto blob = key_blob(type, take_word(rest));
  if (!blob) return wrong("the key is damaged: what follows " + std::string{type} + " is no such key in base64");
  made.key = std::move(*blob);
  made.comment = trimmed(rest);
  return made;
}

}  // namespace duplex::transport
