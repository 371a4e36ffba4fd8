// SPDX-License-Identifier: BSD-2-Clause
#include "transport/key_lines.hpp"

#include <duplex/key.hpp>

#include "transport/ssh_ptr.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace duplex::transport {
namespace {

// Options may stand before the key, so it is looked for in the whole text; every blob of a key begins with AAAA.
bool holds_lines(const std::string& option) {
  if (option.find('\n') != std::string::npos) return true;
  std::istringstream words{option};
  std::string word, next;
  for (bool first = true; words >> word; first = false)
    if (is_key_type(word) && words >> next && (first || next.starts_with("AAAA"))) return true;
  return false;
}

}  // namespace

key_lines read_key_lines(const std::string& option, const std::string& standard) {
  if (holds_lines(option)) return {.name = "option " + standard, .text = option, .is_file = false};
  const auto path = option.empty() ? configuration_folder() + '/' + standard : option;
  errno = 0;
  std::ifstream in{path, std::ios::binary};
  const int why = errno;
  std::error_code ignored;
  // Reading a folder would throw, and the exception pass through libssh.
  if (!in || std::filesystem::is_directory(path, ignored)) {
    const bool for_now = why == EMFILE || why == ENFILE || why == ENOMEM || why == EIO || why == EINTR;
    return {.name = path, .text = {}, .unknown = for_now, .readable = false};
  }
  std::string text;
  std::array<char, 16384> chunk;
  do {
    in.read(chunk.data(), chunk.size());
    text.append(chunk.data(), static_cast<std::size_t>(in.gcount()));
  } while (in && text.size() <= max_key_lines);
  text.resize(std::min(text.size(), max_key_lines + 1));
  return {.name = path, .text = std::move(text)};
}

bool is_key_type(std::string_view word) {
  return ssh_key_type_from_name(std::string{word}.c_str()) != SSH_KEYTYPE_UNKNOWN;
}

bool is_same_key(const std::string& type, const std::string& base64, ssh_key key) {
  ssh_key raw = nullptr;
  if (ssh_pki_import_pubkey_base64(base64.c_str(), ssh_key_type_from_name(type.c_str()), &raw) != SSH_OK) return false;
  const ssh_key_ptr listed{raw};
  return ssh_key_cmp(listed.get(), key, SSH_KEY_CMP_PUBLIC) == 0;
}

}  // namespace duplex::transport
