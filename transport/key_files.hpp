// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/result.hpp>

#include <sys/types.h>

#include <string>

namespace duplex::transport {

/// `key_file`, with the file's name and what is wrong with it.
error unusable(const std::string& path, const std::string& why);
/// A private key file as text, if it is closed to others. What holds no private key is for the parser to refuse.
/// Errors: `key_file`.
result<std::string> read_key_file(const std::string& path);
/// Whole or not at all, and never in place of a file that is there: whoever sees the name can read the key. Errors:
/// `already_exists`; `key_file`.
result<void> write_key_file(const std::string& path, const std::string& text, mode_t mode);

}  // namespace duplex::transport
