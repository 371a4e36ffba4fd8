// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/options.hpp>

#include "transport/key_options.hpp"

#include <libssh/libssh.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace duplex::transport {

/// *Value.* What a line of authorized_keys lets its key do.
class permissions {
 public:
  using time_point = std::chrono::system_clock::time_point;

  permissions(key_options of, std::string where, std::string comment)
      : of_(std::move(of)), where_(std::move(where)), comment_(std::move(comment)) {}

  /// permitopen: without one every service but those with @, with `restrict` none. `@duplex` is always allowed, and
  /// `@rpc`, whose calls are each asked for by name.
  [[nodiscard]] bool may_open(std::string_view service, unsigned port) const;
  /// permitlisten: without one nothing.
  [[nodiscard]] bool may_listen(std::string_view name, unsigned port) const;
  /// environment="DUPLEX_PEER=...": without one any name. To claim none is always fine.
  [[nodiscard]] bool may_claim(std::string_view name) const;

  /// "/path/authorized_keys:3"
  [[nodiscard]] const std::string& where() const noexcept { return where_; }
  [[nodiscard]] const std::string& comment() const noexcept { return comment_; }
  /// The names of DUPLEX_PEER.
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return of_.names; }

  /// Why the line does not admit its key from `address` at `now`; empty when it does.
  [[nodiscard]] std::string refusal(std::string_view address, time_point now) const;
  /// When the line ceases to admit its key.
  [[nodiscard]] std::optional<time_point> expires() const;

 private:
  key_options of_;
  std::string where_, comment_;
};
using permissions_ptr = std::shared_ptr<const permissions>;

/// *Value.* What the access list says of a key.
struct verdict {
  bool allowed = false;
  std::string why;      ///< "authorized_keys:3", or why not, with the way out
  permissions_ptr may;  ///< set when allowed
};

/// *Value.* The access list, in sshd's syntax. A line that is not understood in full admits nobody; the others work.
class authorized_keys {
 public:
  using time_point = permissions::time_point;

  /// `name` is for messages.
  static authorized_keys parse(const std::string& name, std::string_view text);
  /// The list of that line alone; `name` says where the line is from.
  static authorized_keys only(const std::string& name, std::string_view line);
  /// What `options::authorized_keys` names; reads the file.
  static authorized_keys load(const options& of);

  /// As in sshd the first line that holds the key and admits it counts. `address` is a numeric IP address without a
  /// port, or empty for unix, stdio and fd, which no from= matches.
  [[nodiscard]] verdict check(ssh_key client, std::string_view address,
                              time_point now = std::chrono::system_clock::now()) const;

  /// A sentence for each line that is ignored, "/path/authorized_keys:3: unknown option 'command'; the line is
  /// ignored", up to a limit.
  [[nodiscard]] const std::vector<std::string>& problems() const noexcept { return problems_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// The option it was loaded from.
  [[nodiscard]] const std::string& source() const noexcept { return source_; }
  [[nodiscard]] bool is_file() const noexcept { return is_file_; }
  [[nodiscard]] bool readable() const noexcept { return readable_; }
  /// It could not be read, for a reason that will pass: too many open files, for instance. Not one of the list's own.
  [[nodiscard]] bool is_unknown() const noexcept { return unknown_; }
  /// What to type to add to this list, as far as the keys.
  [[nodiscard]] std::string allow_command() const;
  /// No line is of use.
  [[nodiscard]] bool admits_nobody() const noexcept;
  /// The earliest expiry-time after `now`.
  [[nodiscard]] std::optional<time_point> next_expiry(time_point now) const;

 private:
  struct entry {
    std::string key;      // the blob
    permissions_ptr may;  // else `problem`
    std::string problem;
  };
  void add(std::string_view line, std::size_t number);
  void add_problem(std::string problem, std::size_t number);
  [[nodiscard]] std::string way_in(const std::string& public_line) const;

  std::string name_, source_;
  bool unknown_ = false, is_file_ = true, readable_ = true, is_standard_ = false;
  std::vector<entry> entries_;
  std::vector<std::string> problems_;
};

using authorized_keys_ptr = std::shared_ptr<const authorized_keys>;

}  // namespace duplex::transport
