// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/key.hpp>

#include "tools/duplex/commands.hpp"

#include <unistd.h>

#include <filesystem>

namespace duplex::tools {

int keygen(const keygen_arguments& given) {
  auto file = given.file;
  if (file.empty()) {
    const std::filesystem::path folder = configuration_folder();
    std::error_code wrong;
    if (std::filesystem::create_directories(folder, wrong))
      std::filesystem::permissions(folder, std::filesystem::perms::owner_all, wrong);
    file = folder / "id_ed25519";
  }
  const auto made = key::generate();
  if (auto saved = made.save(file, given.comment); !saved) return fail({}, saved.error(), failure);
  return write_all(STDOUT_FILENO, file + '\n' + made.fingerprint() + '\n') ? 0 : failure;
}

}  // namespace duplex::tools
