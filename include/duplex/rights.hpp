// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <memory>
#include <string_view>
#include <utility>

namespace duplex {

/// *Value.* What the remote side of a session may do. It is asked, not told: the answer is about now, for as long as a
/// copy is held. Copies are of the same session. Thread: any.
class rights {
 public:
  /// *Interface.* Who knows; for the library. Thread: any.
  class rule {
   public:
    [[nodiscard]] virtual bool may_open(std::string_view service) const = 0;
    virtual ~rule() = default;
  };

  /// Of nobody, who may nothing.
  rights() = default;
  explicit rights(std::shared_ptr<const rule> by) : by_(std::move(by)) {}

  /// Whether authorized_keys lets the remote side open that service, as it would be asked by an open: `permitopen` at
  /// port 1, `restrict`, names with a leading `@`; changes of the file count from when they count for opens. Whoever
  /// was dialled, or is in the process (inproc), may open every one. It is about permission only: not about who serves
  /// the name, nor whether the session goes on. False for what is no name, and for `@duplex`. Cheap: once per call.
  [[nodiscard]] bool may_open(std::string_view service) const { return by_ && by_->may_open(service); }

 private:
  std::shared_ptr<const rule> by_;
};

}  // namespace duplex
