// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "tests/tools/site.hpp"

namespace tools_tests {

/// The machine's own sshd, run in the foreground on a loopback port with a host key of its own. It admits this user
/// with the site's key "client".
class sshd {
 public:
  explicit sshd(const site& here);

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// "ssh ... HOST", for a shell, with the options that reach it.
  [[nodiscard]] std::string ssh() const;

 private:
  bool start();

  const site& here_;
  std::uint16_t port_ = 0;
  std::unique_ptr<program> server_;
};

}  // namespace tools_tests
