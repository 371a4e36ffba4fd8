// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/rpc/codec.hpp>

#include <nlohmann/json.hpp>

#include <utility>
#include <vector>

#include "rpc/json_text.hpp"
#include "rpc/msgpack.hpp"

namespace duplex::rpc {
namespace {

using nlohmann_json = nlohmann::json;

// What nlohmann's parser reads, as MessagePack. Counts are not known before the end: arrays and maps take the form with
// 32 bits. The budgets hold here too, for a nesting bomb is parsed before the first value is read.
class transcoder final : public nlohmann::json_sax<nlohmann_json> {
 public:
  explicit transcoder(const codec_limits& limits) : limits_(limits), to_(out_) {}

  bool null() override {
    return item([&] { to_.nil(); });
  }
  bool boolean(bool value) override {
    return item([&] { to_.boolean(value); });
  }
  bool number_integer(std::int64_t value) override {
    return item([&] { to_.integer(value); });
  }
  bool number_unsigned(std::uint64_t value) override {
    return item([&] { to_.integer(value); });
  }
  bool number_float(double value, const std::string&) override {
    return item([&] { to_.real(value); });
  }
  bool string(std::string& text) override {
    return item([&] { to_.str(text); });
  }
  bool binary(nlohmann_json::binary_t&) override { return false; }
  bool key(std::string& text) override {
    to_.str(text);
    return true;
  }
  bool start_object(std::size_t) override { return open(0xdf); }
  bool start_array(std::size_t) override { return open(0xdd); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& why) override {
    const std::string_view text{why.what()};  // "[json.exception.parse_error.101] parse error at line 1, ..."
    const auto tag = text.find("] ");
    throw codec_error{std::string{text.substr(tag == std::string_view::npos ? 0 : tag + 2)}};
  }
  std::string take() {
    to_.flush();
    return std::move(out_);
  }

 private:
  struct level {
    std::size_t head;
    std::uint32_t count;
  };

  bool item(const auto& write) {
    if (!levels_.empty()) {
      ++levels_.back().count;
      if (++elements_ > limits_.elements)
        throw codec_error{"more than " + std::to_string(limits_.elements) + " elements"};
    }
    write();
    return true;
  }
  bool open(unsigned head) {
    return item([&] {
      if (levels_.size() >= limits_.depth) throw codec_error{"nested deeper than " + std::to_string(limits_.depth)};
      to_.flush();
      levels_.push_back({out_.size(), 0});
      out_ += {static_cast<char>(head), 0, 0, 0, 0};
    });
  }
  bool close() {
    to_.flush();
    const auto [head, count] = levels_.back();
    for (unsigned i = 0; i < 4; ++i) out_[head + 1 + i] = static_cast<char>(count >> (24 - 8 * i));
    levels_.pop_back();
    return true;
  }

  const codec_limits& limits_;
  std::string out_;
  msgpack_writer to_;
  std::vector<level> levels_;
  std::size_t elements_ = 0;
};

class json_codec final : public codec {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "json"; }
  void encode(std::string& out, value_source value, handles* scope) const override {
    std::string tokens;
    msgpack_writer to{tokens, scope};
    value(to);
    to.flush();
    write_json(out, tokens);
  }
  void decode(std::string_view in, const codec_limits& limits, value_target value, handles* scope) const override {
    const auto tokens = from_json(in, limits);
    msgpack_reader from{tokens, limits, scope, binary::base64};
    value(from);
    from.finish();
  }
};

}  // namespace

const codec_ptr& json() {
  static const codec_ptr it = std::make_shared<json_codec>();
  return it;
}

std::string to_json(std::string_view msgpack) {
  std::string out;
  write_json(out, msgpack);
  return out;
}

std::string from_json(std::string_view json, const codec_limits& limits) {
  if (json.size() > limits.bytes)
    throw codec_error{"text of " + std::to_string(json.size()) + " bytes is over the limit of " +
                      std::to_string(limits.bytes)};
  transcoder to{limits};
  nlohmann_json::sax_parse(json, &to);
  return to.take();
}

}  // namespace duplex::rpc
