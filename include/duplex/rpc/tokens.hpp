// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/input.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace duplex::rpc {

class handles;  // of the session: what exports callables and channels

/// What a value is made of, as the formats have it in common. `other` is what no type of C++ is read from.
enum class token : std::uint8_t { nil, boolean, integer, real, str, bin, array, map, other };

/// "a string". Thread: any.
std::string_view to_string(token of) noexcept;

/// Where a value is written to: one format's class behind it. An array is announced with its count and its values
/// follow; a map with its count and twice as many values. Throws codec_error for what the format cannot say.
/// Thread: one at a time.
class token_writer {
 public:
  explicit token_writer(handles* scope = nullptr) noexcept : scope(scope) {}
  token_writer(const token_writer&) = delete;
  token_writer& operator=(const token_writer&) = delete;
  virtual ~token_writer() = default;

  virtual void nil() = 0;
  virtual void boolean(bool value) = 0;
  virtual void integer(std::uint64_t value) = 0;
  virtual void integer(std::int64_t value) = 0;
  virtual void real(float value) = 0;
  virtual void real(double value) = 0;
  virtual void str(std::string_view text) = 0;
  virtual void bin(std::string_view bytes) = 0;
  virtual void array(std::size_t count) = 0;
  virtual void map(std::size_t count) = 0;

  handles* const scope;
};

/// An integer of any format: `bits`, or -1 - `bits`.
struct number {
  std::uint64_t bits;
  bool negative;
};
/// It, if it is between `least` (or 0) and `most`: the limits of `type`, which the error names.
std::int64_t fit(number of, std::int64_t least, std::int64_t most, const char* type);
std::uint64_t fit(number of, std::uint64_t most, const char* type);

/// Where a value is read from: a message in memory, token by token. What is public keeps the budget; a format
/// implements what is protected. Everything throws codec_error. Text lives as long as the reader and its message, bytes
/// until the next. Thread: one at a time.
class token_reader {
 public:
  token_reader(std::string_view in, const codec_limits& limits, handles* scope) noexcept
      : scope(scope), in_(in, limits) {}
  token_reader(const token_reader&) = delete;
  token_reader& operator=(const token_reader&) = delete;
  virtual ~token_reader() = default;

  /// An array or a map that is being read: `while (values.next()) ...`, for a map once for each pair.
  class items {
   public:
    items(token_reader& from, std::size_t count);
    items(const items&) = delete;
    items& operator=(const items&) = delete;
    ~items() { from_.in_.leave(); }

    bool next() { return left_ == until_break ? more() : left_ != 0 && (--left_, true); }
    /// How many are announced and not read yet; 0 where the format does not say.
    [[nodiscard]] std::size_t left() const noexcept { return left_ == until_break ? 0 : left_; }

   private:
    bool more();

    token_reader& from_;
    std::size_t left_;
  };

  virtual token peek() = 0;
  /// Steps over a nil; false if it is something else.
  virtual bool nil() = 0;
  virtual bool boolean() = 0;
  virtual number integer() = 0;
  /// An integer will do too.
  virtual double real() = 0;
  virtual std::string_view str() = 0;
  virtual std::string_view bin() = 0;
  items array() { return {*this, open_array()}; }
  items map() { return {*this, open_map()}; }
  /// Steps over one value, whatever it is.
  void skip();

  float real32();
  /// The key of a map, which JSON and JavaScript have as text.
  number key_integer();
  /// As of input.
  void grow(std::size_t size) { in_.grow(size); }
  [[nodiscard]] std::string_view rest() const noexcept { return in_.rest(); }
  void go_to(std::string_view rest) noexcept { in_.go_to(rest); }
  [[nodiscard]] input& budget() noexcept { return in_; }
  void finish() const { in_.finish(); }
  /// Throws "expected `what`, got" and what is next.
  [[noreturn]] void wrong(std::string_view what);

  handles* const scope;

 protected:
  /// What open_array() and open_map() say when the end will be marked.
  static constexpr std::size_t until_break = SIZE_MAX;
  virtual std::size_t open_array() = 0;
  virtual std::size_t open_map() = 0;
  /// Steps over the mark that ends an array or a map; false if it is something else.
  virtual bool ended() { return false; }
  /// Steps over one token that is neither array nor map.
  virtual void step() = 0;

  [[nodiscard]] std::uint8_t first() const { return in_.first(); }
  std::string_view take(std::size_t size) { return in_.take(size); }
  /// An integer of 1, 2, 4 or 8 bytes, the highest first.
  std::uint64_t take_big_endian(std::size_t size);

 private:
  input in_;
};

}  // namespace duplex::rpc
