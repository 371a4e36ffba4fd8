// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/tokens.hpp>

#include "rpc/output.hpp"

namespace duplex::rpc {

/// MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md), each token in its shortest form.
class msgpack_writer final : public token_writer {
 public:
  explicit msgpack_writer(std::string& out, handles* scope = nullptr) noexcept : token_writer(scope), out_(out) {}

  void nil() override;
  void boolean(bool value) override;
  void integer(std::uint64_t value) override;
  void integer(std::int64_t value) override;
  void real(float value) override;
  void real(double value) override;
  void str(std::string_view text) override;
  void bin(std::string_view bytes) override;
  void array(std::size_t count) override;
  void map(std::size_t count) override;
  void flush() { out_.flush(); }

 private:
  output out_;
};

/// What stands for bytes: the tokens of JSON text have base64.
enum class binary : bool { plain, base64 };

/// Extension types are stepped over only.
class msgpack_reader final : public token_reader {
 public:
  msgpack_reader(std::string_view in, const codec_limits& limits, handles* scope = nullptr,
                 binary bytes = binary::plain) noexcept
      : token_reader(in, limits, scope), bytes_(bytes) {}

  token peek() override;
  bool nil() override;
  bool boolean() override;
  number integer() override;
  double real() override;
  std::string_view str() override;
  std::string_view bin() override;

 protected:
  std::size_t open_array() override;
  std::size_t open_map() override;
  void step() override;

 private:
  std::size_t length();

  const binary bytes_;
  std::string decoded_;
};

}  // namespace duplex::rpc
