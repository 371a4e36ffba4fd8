// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/rpc/codec.hpp>

#include <duplex/rpc/describe.hpp>

#include <utility>

namespace duplex::rpc {
namespace {

// A codec that has only what types bring along for it.
class native_codec final : public codec {
 public:
  native_codec(std::string_view name, std::string_view takes) : name_(name), takes_(takes) {}

  [[nodiscard]] std::string_view name() const noexcept override { return name_; }
  [[nodiscard]] std::string_view takes() const noexcept override { return takes_; }
  void encode(std::string&, value_source, handles*) const override { refuse(); }
  void decode(std::string_view, const codec_limits&, value_target, handles*) const override { refuse(); }

 private:
  [[noreturn]] void refuse() const {
    throw codec_error{"codec '" + std::string{name_} + "' takes " + std::string{takes_}};
  }

  const std::string_view name_, takes_;
};

const native_ops* native_of(const codec& by, const value_ops& ops) {
  for (const auto& native : ops.natives) {
    if (native.codec == by.name()) return &native;
  }
  if (by.takes().empty()) return nullptr;
  describer types;
  throw codec_error{"codec '" + std::string{by.name()} + "' takes " + std::string{by.takes()} + ", not " +
                    ops.describe(types)};
}

}  // namespace

const codec_ptr& bytes_codec() {
  static const codec_ptr it = std::make_shared<native_codec>("bytes", "exactly one string or bytes");
  return it;
}

const codec_ptr& protobuf_codec() {
  static const codec_ptr it = std::make_shared<native_codec>("protobuf", "exactly one protobuf message");
  return it;
}

const codec_ptr& cereal_codec() {
  static const codec_ptr it =
      std::make_shared<native_codec>("cereal", "types of services that were compiled with rpc::cereal");
  return it;
}

codec_registry::codec_registry() {
  for (const auto& each : {msgpack(), cbor(), json(), bytes_codec(), protobuf_codec(), cereal_codec()}) add(each);
}

void codec_registry::add(codec_ptr codec) {
  std::string name{codec->name()};
  codecs_.insert_or_assign(std::move(name), std::move(codec));
}

const codec_ptr* codec_registry::find(std::string_view name) const {
  const auto at = codecs_.find(name);
  return at == codecs_.end() ? nullptr : &at->second;
}

std::string codec_registry::names() const {
  std::string all;
  for (const auto& [name, each] : codecs_) all += (all.empty() ? "" : ", ") + name;
  return all;
}

void encode(std::string& out, const codec& by, const value_ops& ops, const void* value, handles* scope) {
  const auto before = out.size();
  try {
    if (const auto* const native = native_of(by, ops)) {
      native->write(out, value);
    } else {
      by.encode(out, {ops.write, value}, scope);
    }
  } catch (...) {
    out.resize(before);
    throw;
  }
}

void decode(std::string_view in, const codec& by, const value_ops& ops, void* into, const codec_limits& limits,
            handles* scope) {
  if (in.size() > limits.bytes)
    throw codec_error{"message of " + std::to_string(in.size()) + " bytes is over the limit of " +
                      std::to_string(limits.bytes)};
  if (const auto* const native = native_of(by, ops)) return native->read(in, into, limits);
  by.decode(in, limits, {ops.read, into}, scope);
}

}  // namespace duplex::rpc
