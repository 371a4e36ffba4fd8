// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/key.hpp>

#include "transport/authorized_line.hpp"
#include "transport/ssh_ptr.hpp"
#include "transport/unique_fd.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
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

enum class lock { none, no_passphrase, wrong_passphrase, cipher };

struct imported {
  ssh_key_ptr key;
  lock kept_by = lock::none;
};

// Whether a key in OpenSSH's form is encrypted by a cipher with a tag, which libssh 0.10 would call through a null
// pointer. The name is the first field behind the magic word (OpenSSH, PROTOCOL.key).
bool has_tag_cipher(std::string_view text) {
  constexpr std::string_view begin = "-----BEGIN OPENSSH PRIVATE KEY-----";
  constexpr std::size_t magic = 15, longest = 36;  // "chacha20-poly1305@openssh.com" with its length is 33 bytes
  const auto at = text.find(begin);
  if (at == text.npos) return false;
  std::string base64;
  for (const char c : text.substr(at + begin.size())) {
    if (base64.size() == (magic + longest) / 3 * 4 || c == '-') break;
    if (c != '\n' && c != '\r' && c != ' ' && c != '\t') base64 += c;
  }
  const auto header = transport::from_base64(base64);
  return header && (header->find("-gcm@openssh.com") != std::string::npos ||
                    header->find("-poly1305@openssh.com") != std::string::npos);
}

imported import(const std::string& text, const std::string& passphrase) {
  bool encrypted = false;
  ssh_key raw = nullptr;
  if (has_tag_cipher(text)) return {nullptr, lock::cipher};
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
    case lock::cipher:
      return "is encrypted by a cipher that libssh cannot read keys with; change it with: ssh-keygen -p -Z aes256-ctr "
             "-f " +
             (file.empty() ? "FILE" : file) + ", or load it into ssh-agent and set identity_agent";
  }
  return {};
}

// What a peer could not show or sign with; nothing for a good key.
const char* unfit(ssh_key of) {
  constexpr std::size_t least_rsa = 200;  // characters: base64 of the public half of 1,024 bits has no fewer
  const auto line = transport::public_line_of(of);
  const std::string_view all{line};
  const auto type = all.substr(0, all.find(' '));
  if (transport::fingerprint_of(of).empty())
    return "has no public half that libssh could tell: an Ed25519 key has to be in OpenSSH's form; make one with: "
           "duplex keygen";
  if (type == "ssh-rsa")
    return all.size() - type.size() < least_rsa ? "is an RSA key of less than 1024 bits, which is not taken" : nullptr;
  if (type != "ssh-ed25519" && !type.starts_with("ecdsa-sha2-"))
    return "is of a type that is not taken; Ed25519, ECDSA and RSA are";
  return nullptr;
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

// Whole or not at all, and never in place of a file that is there: whoever sees the name can read the key.
result<void> write_file(const std::string& path, const std::string& text, mode_t mode) {
  auto fresh = path + ".XXXXXX";
  const transport::unique_fd file{::mkostemp(fresh.data(), O_CLOEXEC)};
  if (!file) return wrong(path, std::string{"cannot be written: "} + std::strerror(errno));
  const bool whole = ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                     ::fchmod(file.get(), mode) == 0 && ::fsync(file.get()) == 0;
  const bool named = whole && (::link(fresh.c_str(), path.c_str()) == 0 ||
                               (errno == EPERM &&  // a file system without links
                                ::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0));
  const int why = errno;
  ::unlink(fresh.c_str());
  if (named) return {};
  if (!whole) return wrong(path, "could not be written whole");
  if (why == EEXIST) return {errc::already_exists, "key file '" + path + "' exists; remove it or name another"};
  return wrong(path, std::string{"cannot be written: "} + std::strerror(why));
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

// Where the system says that the user is at home, if the environment does not.
std::string home_folder() {
  if (auto home = environment("HOME"); !home.empty()) return home;
  std::array<char, 16384> text{};
  passwd entry{}, *found = nullptr;
  return ::getpwuid_r(::getuid(), &entry, text.data(), text.size(), &found) == 0 && found != nullptr ? found->pw_dir
                                                                                                     : "";
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
  if (const auto* why = unfit(found.key.get())) return {errc::key_file, std::string{"the key's text "} + why};
  return key{std::make_shared<const detail::key_rep>(std::move(found.key))};
}

result<key> key::load(const std::string& path, const std::string& passphrase) {
  const auto text = read_private(path);
  if (!text) return text.error();
  auto found = import(*text, passphrase);
  if (!found.key) return wrong(path, refusal(found.kept_by, path));
  if (const auto* why = unfit(found.key.get())) return wrong(path, why);
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
  const auto is_locked = [&] {
    return found.kept_by == lock::no_passphrase || found.kept_by == lock::wrong_passphrase;
  };
  for (int i = 0; i < attempts && ask && is_locked(); ++i) {
    auto passphrase = ask(path);
    if (!passphrase) break;
    found = import(*text, *passphrase);
    wipe(*passphrase);
  }
  const auto* why = found.key ? unfit(found.key.get()) : nullptr;
  if (found.key && why == nullptr) return key{std::make_shared<const detail::key_rep>(std::move(found.key))};
  if (agent_signs && !is_text && (found.kept_by == lock::no_passphrase || found.kept_by == lock::cipher))
    return load_public(path);
  const auto said = why != nullptr ? std::string{why} : refusal(found.kept_by, is_text ? std::string{} : path);
  if (is_text) return {errc::key_file, path + ' ' + said};
  return wrong(path, said);
}

bool key::can_sign() const noexcept { return ssh_key_is_private(rep_->key.get()) != 0; }

result<void> key::save(const std::string& path, std::string_view comment) const {
  if (printable(comment) != comment)
    return {errc::invalid_argument, "comment '" + printable(comment) + "' holds a control character, or is no UTF-8"};
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
  return home_folder() + "/.config/duplex";
}

}  // namespace duplex
