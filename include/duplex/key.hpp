// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/options.hpp>
#include <duplex/result.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace duplex {

namespace detail {
struct key_rep;  // libssh's key
}

/// *Value.* A private key, ed25519 when made here; its public half is what a peer is known by. `load_public` gives that
/// half alone. What names a file reads or writes it, and blocks that long. Thread: any.
class key {
 public:
  /// A new ed25519 key. Throws std::bad_alloc.
  static key generate();
  /// From a file in OpenSSH's form, with its passphrase if it is encrypted. Errors: `key_file` when it is missing,
  /// unreadable, malformed, encrypted with another passphrase or by a cipher with a tag (aes-gcm, chacha20), open to
  /// others (mode & 077), or none that a peer could use (DSA, RSA below 1,024 bits), with the way out in the text.
  static result<key> load(const std::string& path, const std::string& passphrase = {});
  /// From OpenSSH's text form. Errors: `key_file`.
  static result<key> parse(std::string_view text, const std::string& passphrase = {});
  /// The public half only, of a `*.pub` file or of a private key file, encrypted or not, else of `path`.pub. Errors:
  /// `key_file`.
  static result<key> load_public(const std::string& path);
  /// What `options::identity` names: a file, the text itself, or for an empty string the file of the configuration
  /// folder, made when it does not exist. An encrypted one asks for its passphrase, at most three times; nothing is
  /// asked by an empty `ask`. With `agent_signs` the public half is good enough where the private one cannot be had.
  /// Errors: `key_file`.
  static result<key> from_option(const std::string& identity, const passphrase_source& ask = {},
                                 bool agent_signs = false);

  /// False for a public half alone. Then `text` and `save` are programming errors.
  [[nodiscard]] bool can_sign() const noexcept;
  /// Writes the private key with mode 0600 and `path`.pub beside it. Errors: `already_exists`; `invalid_argument`
  /// when the comment holds a control character; `key_file`, also where `text` would throw.
  result<void> save(const std::string& path, std::string_view comment = {}) const;

  /// The private key in OpenSSH's text form. Throws std::runtime_error for an RSA key that was read in that form:
  /// libssh 0.10 cannot write it.
  [[nodiscard]] std::string text() const;
  /// "ssh-ed25519 AAAA... comment": a line for authorized_keys.
  [[nodiscard]] std::string public_line(std::string_view comment = {}) const;
  /// "SHA256:...", as ssh-keygen -lf prints it.
  [[nodiscard]] std::string fingerprint() const;

  /// For the library.
  [[nodiscard]] const detail::key_rep& rep() const noexcept { return *rep_; }

 private:
  explicit key(std::shared_ptr<const detail::key_rep> rep) : rep_(std::move(rep)) {}
  std::shared_ptr<const detail::key_rep> rep_;
};

/// Where a peer keeps its files: `$DUPLEX_HOME`, else `$XDG_CONFIG_HOME/duplex`, else `~/.config/duplex`, where
/// the home is `$HOME`, else what the system has for the user. Thread: any, while none changes the environment.
std::string configuration_folder();

}  // namespace duplex
