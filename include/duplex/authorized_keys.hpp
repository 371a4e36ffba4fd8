// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace duplex {

/// *Value.* A line of an access list that admits a key.
struct allowed_key {
  std::string line;   ///< as it stands in the file
  std::string where;  ///< "/path/authorized_keys:3"
  bool added = true;  ///< false when it stood there before
};

/// Admits the key of `line`, "[options] keytype base64 [comment]" as in sshd(8), by adding it to `file`: once, at the
/// end, on disk when this returns. An empty `file` is `authorized_keys` of the configuration folder. A folder that is
/// missing is made with mode 0700, the file with 0600; one that others can write is closed to 0600. Peers that serve
/// with this list see the old or the new one. Errors: `invalid_argument` for a line that would admit nobody;
/// `already_exists` when the key stands there with other options, with the line to edit; `resource_exhausted` when the
/// list would be too long to be read; `io`. Thread: any; blocks for the file.
result<allowed_key> allow_key(const std::string& file, std::string_view line);

/// The same for a text with a key on each line, all of them or none; empty lines and comments are passed over.
/// `options`, in sshd's syntax, is put in front of each line's own.
result<std::vector<allowed_key>> allow_keys(const std::string& file, std::string_view text,
                                            std::string_view options = {});

}  // namespace duplex
