// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/key.hpp>

#include "transport/authorized_line.hpp"
#include "transport/key_files.hpp"
#include "transport/ssh_ptr.hpp"

#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <new>
#include <stdexcept>

namespace duplex {
namespace {

using transport::ssh_key_ptr;
using transport::ssh_text_ptr;

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

void wipe(std::string& text) { ::explicit_bzero(text.data(), text.size()); }

// The identity of a peer that was given none.
result<key> make_first(const std::string& path) {
  std::error_code ec;
  std::filesystem::create_directories(std::filesystem::path{path}.parent_path(), ec);
  if (ec) return transport::unusable(path, "cannot be made: " + ec.message());
  auto fresh = key::generate();
  auto saved = fresh.save(path);
  if (saved) return fresh;
  if (saved.error().code() == errc::already_exists) return key::load(path);  // another process was faster
  return saved.error();
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
  const auto text = transport::read_key_file(path);
  if (!text) return text.error();
  auto found = import(*text, passphrase);
  if (!found.key) return transport::unusable(path, refusal(found.kept_by, path));
  if (const auto* why = unfit(found.key.get())) return transport::unusable(path, why);
  return key{std::make_shared<const detail::key_rep>(std::move(found.key))};
}

result<key> key::load_public(const std::string& path) {
  ssh_key raw = nullptr;
  if (ssh_pki_import_pubkey_file(path.c_str(), &raw) != SSH_OK &&
      ssh_pki_import_pubkey_file((path + ".pub").c_str(), &raw) != SSH_OK)  // a private key in another form
    return transport::unusable(path, "holds no public key, nor does " + path + ".pub");
  return key{std::make_shared<const detail::key_rep>(ssh_key_ptr{raw})};
}

result<key> key::from_option(const std::string& identity, const passphrase_source& ask, bool agent_signs) {
  constexpr int attempts = 3;  // as ssh
  const bool is_text = identity.find("-----BEGIN") != std::string::npos;
  const auto path =
      is_text ? std::string{"option identity"} : (identity.empty() ? configuration_folder() + "/id_ed25519" : identity);
  if (identity.empty() && ::access(path.c_str(), F_OK) != 0) return make_first(path);
  if (agent_signs && path.ends_with(".pub")) return load_public(path);
  auto text = is_text ? result<std::string>{identity} : transport::read_key_file(path);
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
  return transport::unusable(path, said);
}

bool key::can_sign() const noexcept { return ssh_key_is_private(rep_->key.get()) != 0; }

result<void> key::save(const std::string& path, std::string_view comment) const {
  if (printable(comment) != comment)
    return {errc::invalid_argument, "comment '" + printable(comment) + "' holds a control character, or is no UTF-8"};
  const auto text = exported(*rep_);
  if (!text) return transport::unusable(path, "was not written: " + std::string{unwritable});
  if (auto ok = transport::write_key_file(path, text.get(), 0600); !ok) return ok;
  if (auto ok = transport::write_key_file(path + ".pub", public_line(comment) + '\n', 0644); !ok) {
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

}  // namespace duplex
