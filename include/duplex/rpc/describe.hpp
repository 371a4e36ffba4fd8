// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/codec.hpp>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace duplex::rpc {

/// What types look like to people: "{string: [demo.point?]}", and the fields of the structs among them. Thread: one at
/// a time.
class describer {
 public:
  /// Names and types, in order.
  using fields = std::vector<std::pair<std::string, std::string>>;

  /// The type in words. T is one that the codecs take.
  template <class T> std::string type();
  /// The structs that were met, by name.
  [[nodiscard]] const std::map<std::string, fields>& types() const noexcept { return types_; }

  /// "demo.point" for "demo::point".
  static std::string dotted(std::string_view type);
  /// For the library: where the fields of that struct belong, null if it was met before. Entered at once, so that a
  /// struct of itself ends there.
  fields* enter(const std::string& type);

 private:
  std::map<std::string, fields> types_;
};

}  // namespace duplex::rpc
