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
#include <stdexcept>

namespace duplex {
namespace {

using transport::ssh_key_ptr;
using transport::ssh_text_ptr;

error wrong(const std::string& path, const std::string& why) {
  return {errc::key_file, "key file '" + path + "' " + why};
}

// libssh asks through this when it comes upon an encrypted key.
int note_encrypted(const char*, char*, std::size_t, int, int, void* noted) {
  *static_cast<bool*>(noted) = true;
  return -1;
}

enum class lock { none, no_passphrase, wrong_passphrase };

struct imported {
  ssh_key_ptr key;
  lock kept_by = lock::none;
};

imported import(const std::string& text, const std::string& passphrase) {
  bool encrypted = false;
  ssh_key raw = nullptr;
  if (ssh_pki_import_privkey_base64(text.c_str(), nullptr, note_encrypted, &encrypted, &raw) == SSH_OK)
    return {ssh_key_ptr{raw}};
  if (!encrypted) return {};
  if (passphrase.empty()) return {nullptr, lock::no_passphrase};
  if (ssh_pki_import_privkey_base64(text.c_str(), passphrase.c_str(), nullptr, nullptr, &raw) == SSH_OK)
    return {ssh_key_ptr{raw}};
  return {nullptr, lock::wrong_passphrase};
}

// libssh 0.10 leaves the primes of such an RSA key out, and signs without them; OpenSSL does not write one.
constexpr const char* unwritable =
    "libssh cannot write a private RSA key that it read in OpenSSH's form; copy the file that it came from";

ssh_text_ptr exported(const detail::key_rep& of) {
  char* raw = nullptr;
  return ssh_text_ptr{ssh_pki_export_privkey_base64(of.key.get(), nullptr, nullptr, nullptr, &raw) == SSH_OK ? raw
                                                                                                             : nullptr};
}

std::string refusal(lock kept_by, const std::string& file) {
  switch (kept_by) {
    case lock::none:
      return "is not a private key in OpenSSH's form";
    case lock::no_passphrase:
      return "is encrypted; give its passphrase (options::passphrase), or load it into ssh-agent (ssh-add" +
             (file.empty() ? "" : ' ' + file) + ") and set identity_agent";
    case lock::wrong_passphrase:
      return "is encrypted with another passphrase";
  }
  return {};
}

// A private key file as text, if it is closed to others. What holds no private key is for the parser to refuse.
result<std::string> read_private(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0)
    return wrong(path,
                 std::string{"cannot be read: "} + std::strerror(errno) + "; make one with: duplex keygen -f " + path);
  if (!S_ISREG(about.st_mode)) return wrong(path, "is not a file");
  std::ifstream file{path, std::ios::binary};
  if (!file) return wrong(path, std::string{"cannot be read: "} + std::strerror(errno));
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  const bool is_private = text.find("PRIVATE KEY") != std::string::npos;
  if (!is_private && (text.starts_with("ssh-") || text.starts_with("ecdsa-")))
    return wrong(path,
                 "is not a private key but a public one; the private one is in the file without .pub, or with an "
                 "ssh-agent (option "
                 "identity_agent)");
  if ((about.st_mode & 077) == 0 || !is_private) return text;
  ::explicit_bzero(text.data(), text.size());
  static constexpr std::string_view octal = "01234567";
  std::string mode{"0"};
  for (unsigned shift : {6U, 3U, 0U}) mode += octal[(about.st_mode >> shift) & 7];
  return wrong(path, "is open to others (mode " + mode + "); close it with: chmod 600 " + path);
}

void wipe(std::string& text) { ::explicit_bzero(text.data(), text.size()); }

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

// The identity of a peer that was given none.
result<key> make_first(const std::string& path) {
  std::error_code ec;
  std::filesystem::create_directories(std::filesystem::path{path}.parent_path(), ec);
  if (ec) return wrong(path, "cannot be made: " + ec.message());
  auto fresh = key::generate();
  auto saved = fresh.save(path);
  if (saved) return fresh;
  if (saved.error().code() == errc::already_exists) return key::load(path);  // another process was faster
  return saved.error();
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
  return key{std::make_shared<const detail::key_rep>(ssh_key_ptr{raw})};
}

result<key> key::parse(std::string_view text, const std::string& passphrase) {
  auto found = import(std::string{text}, passphrase);
  if (!found.key) return {errc::key_file, "the key's text " + refusal(found.kept_by, {})};
  return key{std::make_shared<const detail::key_rep>(std::move(found.key))};
}

result<key> key::load(const std::string& path, const std::string& passphrase) {
  const auto text = read_private(path);
  if (!text) return text.error();
  auto found = import(*text, passphrase);
  if (!found.key) return wrong(path, refusal(found.kept_by, path));
  return key{std::make_shared<const detail::key_rep>(std::move(found.key))};
}

result<key> key::load_public(const std::string& path) {
  ssh_key raw = nullptr;
  if (ssh_pki_import_pubkey_file(path.c_str(), &raw) != SSH_OK &&
      ssh_pki_import_pubkey_file((path + ".pub").c_str(), &raw) != SSH_OK)  // a private key in another form
    return wrong(path, "holds no public key, nor does " + path + ".pub");
  return key{std::make_shared<const detail::key_rep>(ssh_key_ptr{raw})};
}

result<key> key::from_option(const std::string& identity, const passphrase_source& ask, bool agent_signs) {
  constexpr int attempts = 3;  // as ssh
  const bool is_text = identity.find("-----BEGIN") != std::string::npos;
  const auto path =
      is_text ? std::string{"option identity"} : (identity.empty() ? configuration_folder() + "/id_ed25519" : identity);
  if (identity.empty() && ::access(path.c_str(), F_OK) != 0) return make_first(path);
  if (agent_signs && path.ends_with(".pub")) return load_public(path);
  auto text = is_text ? result<std::string>{identity} : read_private(path);
  if (!text) return text.error();
  auto found = import(*text, {});
  for (int i = 0; i < attempts && ask && found.kept_by != lock::none; ++i) {
    auto passphrase = ask(path);
    if (!passphrase) break;
    found = import(*text, *passphrase);
    wipe(*passphrase);
  }
  if (found.key) return key{std::make_shared<const detail::key_rep>(std::move(found.key))};
  if (agent_signs && !is_text && found.kept_by == lock::no_passphrase) return load_public(path);
  if (is_text) return {errc::key_file, path + ' ' + refusal(found.kept_by, {})};
  return wrong(path, refusal(found.kept_by, path));
}

bool key::can_sign() const noexcept { return ssh_key_is_private(rep_->key.get()) != 0; }

result<void> key::save(const std::string& path, std::string_view comment) const {
  const auto text = exported(*rep_);
  if (!text) return wrong(path, "was not written: " + std::string{unwritable});
  if (auto ok = write_file(path, text.get(), 0600); !ok) return ok;
  if (auto ok = write_file(path + ".pub", public_line(comment) + '\n', 0644); !ok) {
    ::unlink(path.c_str());
    return ok;
  }
  return {};
}

std::string key::text() const {
  const auto text = exported(*rep_);
  if (!text) throw std::runtime_error{unwritable};
  return text.get();
}

std::string key::public_line(std::string_view comment) const {
  auto line = transport::public_line_of(rep_->key.get());
  if (!comment.empty()) line.append(" ").append(comment);
  return line;
}

std::string key::fingerprint() const { return rep_->fingerprint; }

std::string configuration_folder() {
  if (auto home = environment("DUPLEX_HOME"); !home.empty()) return home;
  if (auto config = environment("XDG_CONFIG_HOME"); !config.empty()) return config + "/duplex";
  return environment("HOME") + "/.config/duplex";
}

}  // namespace duplex
