// SPDX-License-Identifier: BSD-2-Clause
// docs/protocol.md decides: every vector of its "Calls" is checked, in both directions where there are two.
#include <duplex/percent.hpp>
#include <duplex/rpc/codec/cereal.hpp>
#include <duplex/rpc/handles.hpp>

#include "rpc/call_frame.hpp"
#include "rpc/own_channel.hpp"
#include "tests/protocol_page.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

using namespace duplex;
using rpc::detail::call_frame;
using rpc::detail::frame_kind;

namespace page {
struct point {
  int x = 1;
  double y = 2.5;
  bool operator==(const point&) const = default;
};
}  // namespace page

using duplex::test::trimmed;
using duplex::test::unescaped;
using duplex::test::unhex;

namespace {

using columns = std::vector<std::string>;

std::map<int, columns> read_vectors() {
  std::ifstream page{DUPLEX_SOURCE_DIR "/docs/protocol.md"};
  std::map<int, columns> all;
  std::string line;
  bool inside = false;
  for (int number = 1; std::getline(page, line); ++number) {
    if (line.starts_with("```")) {
      inside = line == "```call-vectors";
      continue;
    }
    if (!inside) continue;
    std::istringstream words{line + " |"};
    for (std::string column; std::getline(words, column, '|');) all[number].push_back(trimmed(column));
    all[number].resize(3);
  }
  return all;
}

// key=value key=value ... message=the rest, blanks included.
std::map<std::string, std::string> fields_of(std::string text) {
  std::map<std::string, std::string> fields;
  if (const auto at = text.find("message="); at != std::string::npos) {
    fields["message"] = text.substr(at + 8);
    text.resize(at);
  }
  std::istringstream words{text};
  for (std::string word; words >> word;) fields[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
  return fields;
}

std::uint32_t number_of(const std::string& text) {
  return text.empty() ? 0 : static_cast<std::uint32_t>(std::stoul(text));
}

const std::map<std::string, frame_kind> kinds{{"call", frame_kind::call},          {"notify", frame_kind::notify},
                                              {"result", frame_kind::result},      {"status", frame_kind::status},
                                              {"status-read", frame_kind::status}, {"cancel", frame_kind::cancel},
                                              {"release", frame_kind::release}};

void check_frame(const columns& v) {
  auto fields = fields_of(v[1]);
  const auto wire = unhex(v[2]), body = unhex(fields["body"]);
  const auto read = rpc::detail::parse_call_frame(wire);
  REQUIRE(read);
  CHECK(read->kind == kinds.at(v[0]));
  CHECK(read->number == number_of(fields["number"]));
  CHECK(read->deadline == number_of(fields["deadline"]));
  CHECK(read->method == fields["method"]);
  CHECK(read->items == fields["items"]);
  CHECK(static_cast<std::uint32_t>(read->code) == number_of(fields["code"]));
  CHECK(read->not_begun == (fields["begun"] == "no"));
  CHECK(read->message == fields["message"]);
  CHECK(read->body == body);
  if (v[0].ends_with("-read")) return;
  std::string written;
  rpc::detail::put_head(written, *read);
  CHECK((written + body == wire));
}

void check_bad(const columns& v) {
  const auto read = rpc::detail::parse_call_frame(unhex(v[1]));
  REQUIRE_FALSE(read);
  CHECK_THAT(read.error().context(), Catch::Contains(v[2]));
}

void check_code(const columns& v) {
  CHECK(rpc::to_string(rpc::to_code(number_of(v[1]))) == v[2]);
  CHECK(static_cast<std::uint32_t>(rpc::to_code(number_of(v[1]))) == number_of(v[1]));
}

void check_trailers(const columns& v) {
  auto fields = fields_of(v[1]);
  const rpc::status said{rpc::to_code(number_of(fields["code"])), fields["message"], unhex(fields["details"])};
  const auto list = decode_list(v[2]);
  REQUIRE(list);
  CHECK((rpc::detail::status_in(*list, {rpc::code::unavailable, "no status"}).code() == said.code()));
  CHECK((rpc::detail::status_in(*list, {rpc::code::unavailable, "no status"}).message() == said.message()));
  if (v[0] == "trailers") CHECK(encode_list(rpc::detail::trailers_with(said, {})) == v[2]);
}

/// Lends everything as 5, and takes it back.
class five final : public rpc::handles {
 public:
  explicit five(bool back) : back_(back) {}
  lent lend(const rpc::detail::servable_ptr&, const rpc::detail::route_ptr&) override { return {5, back_}; }
  rpc::detail::route_ptr borrow(std::uint64_t) override { return nullptr; }
  rpc::detail::servable_ptr own(std::uint64_t) override { return nullptr; }
  std::uint64_t send(const channel&) override { return 0; }
  channel receive(std::uint64_t) override { return {}; }

 private:
  bool back_;
};

std::string written(const rpc::codec& by, const rpc::value_ops& ops, const void* value, bool back = false) {
  five scope{back};
  std::string out;
  rpc::encode(out, by, ops, value, &scope);
  return out;
}

template <class T> void check_value(const rpc::codec& by, const T& value, const std::string& wire) {
  const auto& ops = rpc::ops_of<T, rpc::cereal>();
  CHECK((written(by, ops, &value) == wire));
  T read{};
  rpc::decode(wire, by, ops, &read, {}, nullptr);
  CHECK((read == value));
}

void check_handle(const rpc::codec& by, const std::string& what, const std::string& wire) {
  const rpc::fn<void()> f = [] {};
  CHECK((written(by, rpc::ops_of<rpc::fn<void()>>(), &f, what.ends_with("back")) == wire));
}

void check_value(const columns& v) {
  const rpc::codec_registry all;
  const auto name = v[0].substr(v[0].find(' ') + 1), &what = v[1];
  const auto& by = **all.find(name);
  const auto wire = name == "json" ? unescaped(v[2]) : unhex(v[2]);
  using strings = std::variant<int, std::string>;
  if (what == "nothing") return check_value(by, std::monostate{}, wire);
  if (what == "arguments 1, 2") return check_value(by, std::tuple{1, 2}, wire);
  if (what == "no arguments") return check_value(by, std::tuple{}, wire);
  if (what.starts_with("integers")) return check_value(by, std::tuple{-1, 127, 128, 70000, UINT64_MAX}, wire);
  if (what.starts_with("reals")) return check_value(by, std::tuple{1.5F, 0.1}, wire);
  if (what == "true, false") return check_value(by, std::vector{true, false}, wire);
  if (what.starts_with("text")) return check_value(by, unescaped("caf\\xC3\\xA9"), wire);
  if (what.starts_with("bytes")) return check_value(by, std::vector{std::byte{0}, std::byte{255}}, wire);
  if (what.starts_with("point")) return check_value(by, page::point{}, wire);
  if (what.starts_with("variant")) return check_value(by, strings{"a"}, wire);
  if (what.starts_with("map")) return check_value(by, std::map<int, bool>{{7, true}}, wire);
  if (what.starts_with("function")) return check_handle(by, what, wire);
  REQUIRE(what == "channel 0");  // written by handles.hpp in the same way
}

}  // namespace

TEST_CASE("rpc protocol: every vector of docs/protocol.md holds", "[rpc]") {
  const auto vectors = read_vectors();
  std::set<std::string> seen;
  for (const auto& [line, v] : vectors) {
    INFO("docs/protocol.md:" << line << ": " << v[0] << " | " << v[1] << " | " << v[2]);
    const auto kind = v[0].substr(0, v[0].find(' '));
    seen.insert(kind);
    if (kind == "value")
      check_value(v);
    else if (kind == "bad")
      check_bad(v);
    else if (kind == "code")
      check_code(v);
    else if (kind.starts_with("trailers"))
      check_trailers(v);
    else
      check_frame(v);
  }
  CHECK(seen.size() == kinds.size() + 5);
  const auto codes = std::count_if(vectors.begin(), vectors.end(), [](const auto& v) { return v.second[0] == "code"; });
  CHECK(codes == rpc::code_count);
}

TEST_CASE("rpc protocol: docs/protocol.md has a row for each code", "[rpc]") {
  std::ifstream page{DUPLEX_SOURCE_DIR "/docs/protocol.md"};
  const std::string text{std::istreambuf_iterator<char>{page}, {}};
  for (std::uint8_t code = 0; code < rpc::code_count; ++code) {
    const auto row = "\n| " + std::to_string(code) + " | " + std::string{rpc::to_string(rpc::to_code(code))} + " |";
    INFO(row);
    CHECK(text.find(row) != std::string::npos);
  }
}
