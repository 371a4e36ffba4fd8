// SPDX-License-Identifier: BSD-2-Clause
#include "transport/authorized_keys.hpp"

#include "transport/key_lines.hpp"
#include "transport/ssh_ptr.hpp"

#include <sstream>

namespace duplex::transport {

verdict check_client_key(const options& of, ssh_key client) {
  const auto keys = read_key_lines(of.authorized_keys, "authorized_keys");
  const auto fingerprint = fingerprint_of(client);
  if (!keys.readable)
    return {false, keys.name + " cannot be read, so nobody is allowed; " + fingerprint + " was offered", {}};
  std::istringstream lines{keys.text};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::istringstream words{line};
    std::string type, base64;
    // A line with options in front restricts its key in ways this version does not enforce: it admits nobody.
    if (!(words >> type >> base64) || type[0] == '#' || !is_key_type(type) || !is_same_key(type, base64, client))
      continue;
    std::string comment;
    std::getline(words >> std::ws, comment);
    return {true, keys.name + ":" + std::to_string(number), comment};
  }
  return {
      false, "no line of " + keys.name + " holds " + fingerprint + "; this one would: " + public_line_of(client), {}};
}

}  // namespace duplex::transport
