// SPDX-License-Identifier: BSD-2-Clause
#pragma once

namespace duplex {

/// The library's version, as `duplex version` prints it.
inline constexpr const char* version = "0.1.0";

}  // namespace duplex
