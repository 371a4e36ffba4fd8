// SPDX-License-Identifier: BSD-2-Clause
#include "transport/access.hpp"

#include <duplex/key.hpp>
#include <duplex/percent.hpp>

#include "transport/ssh_ptr.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace duplex::transport {
namespace {

// A list is named by its file, or given as its own lines.
struct list {
  std::string name;
  std::string text;
  bool readable = true;
};

bool is_key_type(std::string_view word) {
  return ssh_key_type_from_name(std::string{word}.c_str()) != SSH_KEYTYPE_UNKNOWN;
}

list read_list(const std::string& option, const std::string& file) {
  if (option.find(' ') != std::string::npos && is_key_type(option.substr(0, option.find(' '))))
    return {"option " + file, option};
  const auto path = option.empty() ? configuration_folder() + '/' + file : option;
  std::ifstream in{path, std::ios::binary};
  std::error_code ignored;
  // Reading a folder would throw, and the exception pass through libssh.
  if (!in || std::filesystem::is_directory(path, ignored)) return {path, {}, false};
  return {path, std::string{std::istreambuf_iterator<char>{in}, {}}};
}

// Whether "keytype base64" on a line is that key.
bool holds(std::istringstream& words, const std::string& type, ssh_key key) {
  std::string base64;
  if (!(words >> base64)) return false;
  ssh_key raw = nullptr;
  if (ssh_pki_import_pubkey_base64(base64.c_str(), ssh_key_type_from_name(type.c_str()), &raw) != SSH_OK) return false;
  const ssh_key_ptr listed{raw};
  return ssh_key_cmp(listed.get(), key, SSH_KEY_CMP_PUBLIC) == 0;
}

}  // namespace

verdict check_client_key(const options& of, ssh_key client) {
  const auto keys = read_list(of.authorized_keys, "authorized_keys");
  const auto fingerprint = fingerprint_of(client);
  if (!keys.readable)
    return {false, keys.name + " cannot be read, so nobody is allowed; " + fingerprint + " was offered", {}};
  std::istringstream lines{keys.text};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::istringstream words{line};
    std::string type;
    // A line with options in front restricts its key in ways this version does not enforce: it admits nobody.
    if (!(words >> type) || type[0] == '#' || !is_key_type(type) || !holds(words, type, client)) continue;
    std::string comment;
    std::getline(words >> std::ws, comment);
    return {true, keys.name + ":" + std::to_string(number), comment};
  }
  return {
      false, "no line of " + keys.name + " holds " + fingerprint + "; this one would: " + public_line_of(client), {}};
}

result<void> check_host_key(const options& of, const endpoint& host, ssh_key shown) {
  const auto fingerprint = fingerprint_of(shown);
  if (!of.host_key.empty()) {
    if (of.host_key == fingerprint) return {};
    return {errc::host_key,
            host.str() + " shows " + fingerprint + ", but " + of.host_key + " is expected (option host_key)"};
  }
  const auto hosts = read_list(of.known_hosts, "known_hosts");
  const auto name = percent_encode(host.str());
  std::istringstream lines{hosts.text};
  std::string line;
  bool listed = false;
  while (std::getline(lines, line)) {
    std::istringstream words{line};
    std::string where, type;
    if (!(words >> where >> type) || where != name) continue;
    listed = true;
    if (holds(words, type, shown)) return {};
  }
  const auto entry = "'" + name + ' ' + public_line_of(shown) + "'";
  if (listed)
    return {errc::host_key, host.str() + " shows another key than " + hosts.name + " lists: " + fingerprint +
                                "; somebody may be in between, or the host has a new key: then replace the line by " +
                                entry};
  return {errc::host_key, host.str() + " shows the unknown key " + fingerprint +
                              "; check it with its owner, then pass it as host_key or add to " + hosts.name +
                              " the line " + entry};
}

}  // namespace duplex::transport
