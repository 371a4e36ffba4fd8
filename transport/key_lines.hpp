// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <libssh/libssh.h>

#include <string>
#include <string_view>

namespace duplex::transport {

/// Bytes of such a list that are read: some 40,000 keys.
inline constexpr std::size_t max_key_lines = 4U << 20;

/// *Value.* The text of authorized_keys or known_hosts: an option holds either the lines themselves or a file's name.
struct key_lines {
  std::string name;      ///< for messages: the file, or "option authorized_keys"
  std::string text;      ///< empty when not readable; one byte over `max_key_lines` when the file is larger
  bool is_file = true;   ///< `name` is a path
  bool unknown = false;  ///< not readable now, for a reason that is not the file's own and will pass
  bool readable = true;  ///< false: a file that is missing, closed to us, or a folder
};

/// What `option` holds, when a line break or a key is in it; else the file it names, or the file `standard` of the
/// configuration folder when it is empty.
key_lines read_key_lines(const std::string& option, const std::string& standard);

/// True for "ssh-ed25519" and its like.
bool is_key_type(std::string_view word);

/// Whether "keytype base64" is that key.
bool is_same_key(const std::string& type, const std::string& base64, ssh_key key);

}  // namespace duplex::transport
