// SPDX-License-Identifier: BSD-2-Clause
#include "tests/tools/sshd.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <pwd.h>
#include <catch2/catch.hpp>
#include <fstream>

namespace tools_tests {

sshd::sshd(const site& here) : here_(here) {
  if (::geteuid() == 0) ::mkdir("/run/sshd", 0755);  // where it locks itself in
  REQUIRE(run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", here.path("sshd_key")}).status == 0);
  int attempts = 5;  // another program may take the port meanwhile
  while (!start()) REQUIRE(--attempts != 0);
}

bool sshd::start() {
  port_ = listener{}.port();
  std::ofstream{here_.path("sshd_config")} << "ListenAddress 127.0.0.1\nPort " << port_ << "\nHostKey "
                                           << here_.path("sshd_key") << "\nAuthorizedKeysFile "
                                           << here_.path("client.pub")
                                           << "\nStrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\n"
                                              "KbdInteractiveAuthentication no\n";
  server_ = std::make_unique<program>(words{"/usr/sbin/sshd", "-D", "-e", "-f", here_.path("sshd_config")});
  try {
    server_->wait_for_error("Server listening on 127.0.0.1");
    return true;
  } catch (const std::runtime_error&) {
    if (server_->err().find("Address already in use") == std::string::npos) throw;
    return false;
  }
}

std::string sshd::ssh() const {
  return "ssh -F none -p " + std::to_string(port_) + " -i " + here_.path("client") +
         " -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes -o StrictHostKeyChecking=no"
         " -o LogLevel=ERROR -o UserKnownHostsFile=" +
         here_.path("sshd_known") + ' ' + ::getpwuid(::geteuid())->pw_name + "@127.0.0.1";
}

}  // namespace tools_tests
