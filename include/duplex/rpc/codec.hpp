// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/tokens.hpp>

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace duplex::rpc {

class describer;

/// What writes one value, borrowed for a call.
struct value_source {
  void (*write)(token_writer&, const void*);
  const void* value;
  void operator()(token_writer& to) const { write(to, value); }
};

/// What reads one value, borrowed for a call.
struct value_target {
  void (*read)(token_reader&, void*);
  void* value;
  void operator()(token_reader& from) const { read(from, value); }
};

/// A format of values on the wire. *Value*: immutable, so any thread may use it. One of your own: derive, name it, and
/// let `value` write into a token_writer of yours, or into that of a codec you wrap.
class codec {
 public:
  codec() = default;
  codec(const codec&) = delete;
  codec& operator=(const codec&) = delete;
  virtual ~codec() = default;

  /// As the header `codec=` has it: lower case, without spaces.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  /// Empty, or, for a codec that writes only types that know it (native_ops): which ones.
  [[nodiscard]] virtual std::string_view takes() const noexcept { return {}; }
  /// Appends to `out`. Throws codec_error; `out` is then of no use.
  virtual void encode(std::string& out, value_source value, handles* scope) const = 0;
  /// Reads all of `in`, which is not longer than `limits.bytes`. Throws codec_error, also for bytes left over.
  virtual void decode(std::string_view in, const codec_limits& limits, value_target value, handles* scope) const = 0;
};

using codec_ptr = std::shared_ptr<const codec>;

/// The codecs that come with the library. The last three write only types that know them. Thread: any.
const codec_ptr& msgpack();
const codec_ptr& cbor();
const codec_ptr& json();
const codec_ptr& bytes_codec();     ///< "bytes": one string or bytes, as it is
const codec_ptr& protobuf_codec();  ///< "protobuf": one message of the user's
const codec_ptr& cereal_codec();    ///< "cereal": <duplex/rpc/codec/cereal.hpp>

/// *Value.* Codecs by name; the library's from the start.
class codec_registry {
 public:
  codec_registry();

  /// Takes the place of one with the same name.
  void add(codec_ptr codec);
  /// Null if there is none.
  [[nodiscard]] const codec_ptr* find(std::string_view name) const;
  /// "bytes, cbor, cereal, json, msgpack, protobuf"
  [[nodiscard]] std::string names() const;

 private:
  std::map<std::string, codec_ptr, std::less<>> codecs_;
};

/// How a type is written in a codec that knows the type itself instead of its tokens.
struct native_ops {
  std::string_view codec;
  void (*write)(std::string& out, const void* value);
  void (*read)(std::string_view in, void* value, const codec_limits& limits);
};

/// What is known of a type where the type is not: ops_of<T>() in <duplex/rpc/archive.hpp> makes it.
struct value_ops {
  void (*write)(token_writer&, const void*);
  void (*read)(token_reader&, void*);
  std::string (*describe)(describer&);
  std::span<const native_ops> natives;
};

/// Appends the value to `out`, in the type's own way if it has one for that codec. Throws codec_error and leaves `out`
/// as it was. Thread: any.
void encode(std::string& out, const codec& by, const value_ops& ops, const void* value, handles* scope);
/// Reads all of `in`. Throws codec_error; the value is then of no use. Thread: any.
void decode(std::string_view in, const codec& by, const value_ops& ops, void* into, const codec_limits& limits,
            handles* scope);

/// MessagePack as JSON text: bytes as base64, integer keys as text. Throws codec_error. Thread: any.
std::string to_json(std::string_view msgpack);
/// JSON text as MessagePack. Throws codec_error. Thread: any.
std::string from_json(std::string_view json, const codec_limits& limits = {});

/// What somebody types as JSON text: as it is when it is some, else a string. Throws codec_error for what begins as an
/// array, an object or a quoted string and is none. Thread: any.
std::string word_as_json(std::string_view word);
/// The same for words separated by spaces, as an array; spaces within JSON text separate nothing.
std::string words_as_json(std::string_view words);

}  // namespace duplex::rpc
