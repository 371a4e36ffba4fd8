// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/key.hpp>

#include "transport/ssh_ptr.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>

namespace duplex {
namespace {

using transport::ssh_key_ptr;
using transport::ssh_text_ptr;

error wrong(const std::string& path, const std::string& why) {
  return {errc::key_file, "key file '" + path + "' " + why};
}

// An encrypted key asks for its passphrase through this: there is none to give.
int no_passphrase(const char*, char*, std::size_t, int, int, void*) { return -1; }

result<ssh_key_ptr> import(const std::string& text) {
  ssh_key raw = nullptr;
  if (ssh_pki_import_privkey_base64(text.c_str(), nullptr, no_passphrase, nullptr, &raw) != SSH_OK)
    return {errc::key_file, "not a private key in OpenSSH's form, or one with a passphrase"};
  return ssh_key_ptr{raw};
}

result<void> write_file(const std::string& path, const std::string& text, mode_t mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) {
    if (errno == EEXIST) return {errc::already_exists, "key file '" + path + "' exists; remove it or name another"};
    return wrong(path, std::string{"cannot be written: "} + std::strerror(errno));
  }
  const auto written = ::write(fd, text.data(), text.size());
  const bool whole = ::fsync(fd) == 0 && written == static_cast<ssize_t>(text.size());
  ::close(fd);
  if (whole) return {};
  ::unlink(path.c_str());
  return wrong(path, "could not be written whole");
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

namespace transport {

std::string fingerprint_of(ssh_key key) {
  unsigned char* hash = nullptr;
  std::size_t size = 0;
  if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &size) != SSH_OK) return {};
  const ssh_text_ptr text{ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, size)};
  ssh_clean_pubkey_hash(&hash);
  return text ? text.get() : "";
}

std::string public_line_of(ssh_key key) {
  char* raw = nullptr;
  if (ssh_pki_export_pubkey_base64(key, &raw) != SSH_OK) return {};
  const ssh_text_ptr base64{raw};
  return std::string{ssh_key_type_to_char(ssh_key_type(key))} + ' ' + base64.get();
}

}  // namespace transport

key key::generate() {
  ssh_key raw = nullptr;
  if (ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &raw) != SSH_OK) throw std::bad_alloc{};
  return key{std::make_shared<const detail::key_rep>(detail::key_rep{ssh_key_ptr{raw}})};
}

result<key> key::parse(std::string_view text) {
  auto imported = import(std::string{text});
  if (!imported) return imported.error();
  return key{std::make_shared<const detail::key_rep>(detail::key_rep{std::move(*imported)})};
}

result<key> key::load(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0)
    return wrong(path,
                 std::string{"cannot be read: "} + std::strerror(errno) + "; make one with: duplex keygen -f " + path);
  if (!S_ISREG(about.st_mode)) return wrong(path, "is not a file");
  if ((about.st_mode & 077) != 0) {
    static constexpr std::string_view octal = "01234567";
    std::string mode{"0"};
    for (unsigned shift : {6U, 3U, 0U}) mode += octal[(about.st_mode >> shift) & 7];
    return wrong(path, "is open to others (mode " + mode + "); close it with: chmod 600 " + path);
  }
  std::ifstream file{path, std::ios::binary};
  if (!file) return wrong(path, std::string{"cannot be read: "} + std::strerror(errno));
  auto loaded = parse(std::string{std::istreambuf_iterator<char>{file}, {}});
  if (!loaded) return wrong(path, "is " + loaded.error().context());
  return loaded;
}

result<key> key::from_option(const std::string& identity) {
  if (identity.find("-----BEGIN") != std::string::npos) {
    auto parsed = parse(identity);
    if (!parsed) return {errc::key_file, "option identity: " + parsed.error().context()};
    return parsed;
  }
  if (!identity.empty()) return load(identity);
  const auto folder = configuration_folder();
  const auto path = folder + "/id_ed25519";
  if (::access(path.c_str(), F_OK) == 0) return load(path);
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  if (ec) return wrong(path, "cannot be made: " + ec.message());
  auto fresh = generate();
  auto saved = fresh.save(path);
  if (saved) return fresh;
  if (saved.error().code() == errc::already_exists) return load(path);  // another process was faster
  return saved.error();
}

result<void> key::save(const std::string& path, std::string_view comment) const {
  if (auto ok = write_file(path, text(), 0600); !ok) return ok;
  if (auto ok = write_file(path + ".pub", public_line(comment) + '\n', 0644); !ok) {
    ::unlink(path.c_str());
    return ok;
  }
  return {};
}

std::string key::text() const {
  char* raw = nullptr;
  if (ssh_pki_export_privkey_base64(rep_->key.get(), nullptr, nullptr, nullptr, &raw) != SSH_OK) throw std::bad_alloc{};
  const ssh_text_ptr text{raw};
  return text.get();
}

std::string key::public_line(std::string_view comment) const {
  auto line = transport::public_line_of(rep_->key.get());
  if (!comment.empty()) line.append(" ").append(comment);
  return line;
}

std::string key::fingerprint() const { return transport::fingerprint_of(rep_->key.get()); }

std::string configuration_folder() {
  if (auto home = environment("DUPLEX_HOME"); !home.empty()) return home;
  if (auto config = environment("XDG_CONFIG_HOME"); !config.empty()) return config + "/duplex";
  return environment("HOME") + "/.config/duplex";
}

}  // namespace duplex
