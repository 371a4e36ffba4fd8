// SPDX-License-Identifier: BSD-2-Clause
// rpc_codecs [ENDPOINT]: one service, several codecs at a time, a struct that describes itself, and a codec of one's
// own.
#include <duplex/rpc.hpp>
#include <duplex/rpc/codec/cereal.hpp>

#include <iostream>

namespace rpc = duplex::rpc;

namespace demo {
struct point {  // an aggregate needs no description
  double x = 0, y = 0;
};

class shape {  // everything else has cereal's serialize()
 public:
  shape() = default;
  shape(std::string name, std::vector<point> corners) : name_(std::move(name)), corners_(std::move(corners)) {}
  [[nodiscard]] std::string text() const { return name_ + " of " + std::to_string(corners_.size()) + " corners"; }
  template <class Archive> void serialize(Archive& ar) {
    ar(cereal::make_nvp("name", name_), cereal::make_nvp("corners", corners_));
  }

 private:
  std::string name_;
  std::vector<point> corners_;
};

struct Shapes {  // most codecs come with every function; cereal's is compiled in where it is asked for
  rpc::fn<std::string(shape), rpc::speaks<rpc::cereal>> describe;
};

// A codec of one's own: MessagePack and a sum of its bytes.
class summed final : public rpc::codec {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "summed"; }

  void encode(std::string& out, rpc::value_source value, rpc::handles* scope) const override {
    const auto begin = out.size();
    rpc::msgpack()->encode(out, value, scope);
    out += sum(std::string_view{out}.substr(begin));
  }
  void decode(std::string_view in, const rpc::codec_limits& limits, rpc::value_target value,
              rpc::handles* scope) const override {
    if (in.empty() || sum(in.substr(0, in.size() - 1)) != in.back()) throw rpc::codec_error{"the sum is wrong"};
    rpc::msgpack()->decode(in.substr(0, in.size() - 1), limits, value, scope);
  }

 private:
  static char sum(std::string_view of) {
    unsigned all = 0;
    for (const char c : of) all += static_cast<unsigned char>(c);
    return static_cast<char>(all);
  }
};
}  // namespace demo

// Counts the bytes of the calls that pass.
class counter final : public rpc::interceptor {
 public:
  explicit counter(std::size_t& bytes) : bytes_(bytes) {}
  void object(rpc::direction, std::string_view encoded) override { bytes_ += encoded.size(); }

 private:
  std::size_t& bytes_;
};

int main(int argc, char** argv) try {
  const auto key = duplex::key::generate();  // one key for both; real peers keep theirs in files
  duplex::runtime rt;
  rpc::peer hub = rt.spawn_peer({.name = "hub", .identity = key.text(), .authorized_keys = key.public_line()});
  const auto served = hub.serve(demo::Shapes{.describe = [](const demo::shape& what) { return what.text(); }});
  const auto at = hub.bind(argc > 1 ? argv[1] : "tcp://127.0.0.1:0");
  rpc::peer me = rt.spawn_peer({.name = "me", .identity = key.text(), .host_key = key.fingerprint()});
  if (!served || !at || !me.connect(at->str())) return std::cerr << "no connection\n", 1;

  hub.add_codec(std::make_shared<demo::summed>());
  me.add_codec(std::make_shared<demo::summed>());
  std::size_t bytes = 0;
  me.intercept(rpc::side::caller, [&] { return std::make_unique<counter>(bytes); });
  const demo::shape house{"house", {{0, 0}, {4, 0}, {4, 3}, {2, 5}, {0, 3}}};
  for (const auto* codec : {"msgpack", "cbor", "json", "cereal", "summed"}) {
    const auto shapes = me.use<demo::Shapes>("hub", {.codec = codec});
    bytes = 0;
    std::cout << codec << ": " << shapes.describe(house).get();
    std::cout << ", in " << bytes << " bytes\n";
  }
  std::cout << "as json it is " << rpc::encode(*rpc::json(), house) << '\n';
} catch (const rpc::failure& why) {
  return std::cerr << why.what() << '\n', 1;
}
