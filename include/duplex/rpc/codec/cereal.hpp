// SPDX-License-Identifier: BSD-2-Clause
// The codec "cereal", for services whose both ends are C++: cereal's portable binary, little-endian, without names.
// Written by cereal's own archive; read by one of ours, for cereal's takes the memory that a message only announces.
// Say ops_of<T, rpc::cereal>().
#pragma once

#include <duplex/rpc/archive.hpp>
#include <duplex/rpc/codec/guarded_containers.hpp>
#include <duplex/rpc/codec/guarded_input.hpp>

#include <cereal/archives/portable_binary.hpp>

#include <ostream>
#include <streambuf>
#include <string>
#include <string_view>

namespace duplex::rpc {

namespace detail {

class string_sink final : public std::streambuf {
 public:
  explicit string_sink(std::string& to) : to_(to) {}

 protected:
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    to_.append(text, static_cast<std::size_t>(size));
    return size;
  }
  int_type overflow(int_type c) override {
    to_ += static_cast<char>(c);
    return c;
  }

 private:
  std::string& to_;
};

}  // namespace detail

/// Names the codec for ops_of<T, rpc::cereal>(). Arguments of a call are written one after the other.
struct cereal {
  static constexpr std::string_view name = "cereal";
  template <class T> static constexpr bool takes = !detail::message<typename detail::sole<T>::type>;

  template <class T> static void write(std::string& out, const void* value) {
    detail::string_sink sink{out};
    std::ostream stream{&sink};
    ::cereal::PortableBinaryOutputArchive to{stream, ::cereal::PortableBinaryOutputArchive::Options::LittleEndian()};
    to(*static_cast<const T*>(value));
  }
  template <class T> static void read(std::string_view in, void* into, const codec_limits& limits) {
    try {
      guarded_input from{in, limits};
      from(*static_cast<T*>(into));
      from.finish();
    } catch (const ::cereal::Exception& why) {
      throw codec_error{why.what()};
    }
  }
};

}  // namespace duplex::rpc
