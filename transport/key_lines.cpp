// SPDX-License-Identifier: BSD-2-Clause
#include "transport/key_lines.hpp"

#include <duplex/key.hpp>

#include "transport/ssh_ptr.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

namespace duplex::transport {

key_lines read_key_lines(const std::string& option, const std::string& standard) {
  if (option.find(' ') != std::string::npos && is_key_type(option.substr(0, option.find(' '))))
    return {"option " + standard, option, false};
  const auto path = option.empty() ? configuration_folder() + '/' + standard : option;
  std::ifstream in{path, std::ios::binary};
  std::error_code ignored;
  // Reading a folder would throw, and the exception pass through libssh.
  if (!in || std::filesystem::is_directory(path, ignored)) return {path, {}, true, false};
  return {path, std::string{std::istreambuf_iterator<char>{in}, {}}};
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
