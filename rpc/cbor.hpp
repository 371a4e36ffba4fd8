// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/tokens.hpp>

#include <deque>
#include <string>

#include "rpc/output.hpp"

namespace duplex::rpc {

/// CBOR (RFC 8949), with definite lengths in their shortest form.
class cbor_writer final : public token_writer {
 public:
  explicit cbor_writer(std::string& out, handles* scope = nullptr) noexcept : token_writer(scope), out_(out) {}

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
  void head(unsigned major, std::uint64_t argument) {
    if (argument < 24) return out_.put(static_cast<char>(major << 5 | argument));
    long_head(major << 5, argument);
  }
  void long_head(unsigned type, std::uint64_t argument);

  output out_;
};

/// Takes indefinite lengths and half floats too; tags are stepped over, undefined is nil.
class cbor_reader final : public token_reader {
 public:
  using token_reader::token_reader;

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
  bool ended() override;
  void step() override;

 private:
  // The first byte of the next value, behind its tags.
  std::uint8_t next() {
    const auto head = first();
    return head >> 5 == 6 ? next_after_tags() : head;
  }
  std::uint8_t next_after_tags();
  std::uint64_t argument();
  std::size_t count();
  std::string_view text(unsigned major);
  std::string_view chunks(unsigned major);

  std::deque<std::string> joined_;  // what came in chunks
};

}  // namespace duplex::rpc
