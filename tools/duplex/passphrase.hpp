// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <optional>
#include <string>

namespace duplex::tools {

/// Asks for the passphrase of `file` on the terminal, without echo. Nothing, with a line on stderr that tells the way
/// out, when there is no terminal.
std::optional<std::string> ask_passphrase(const std::string& file);

}  // namespace duplex::tools
