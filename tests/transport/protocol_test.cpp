// SPDX-License-Identifier: BSD-2-Clause
// docs/protocol.md decides: every test vector in it is checked, in both directions where there are two.
#include <duplex/error.hpp>
#include <duplex/options.hpp>
#include <duplex/percent.hpp>

#include "tests/protocol_page.hpp"
#include "transport/frame_codec.hpp"
#include "transport/hello.hpp"
#include "transport/open_record.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

using namespace duplex;
using namespace duplex::transport;
using strings = std::vector<std::string>;

using duplex::test::trimmed;
using duplex::test::unescaped;
using duplex::test::unhex;

namespace {

struct vector {
  int line = 0;
  std::string kind;
  strings columns;  // after the kind
};

std::vector<vector> read_vectors() {
  std::ifstream page{DUPLEX_SOURCE_DIR "/docs/protocol.md"};
  std::vector<vector> all;
  std::string line;
  bool inside = false;
  for (int number = 1; std::getline(page, line); ++number) {
    if (line.starts_with("```")) {
      inside = line == "```vectors";
      continue;
    }
    if (!inside) continue;
    vector one{number, {}, {}};
    std::istringstream columns{line + " |"};
    for (std::string column; std::getline(columns, column, '|');) one.columns.push_back(trimmed(column));
    one.kind = one.columns.front();
    one.columns.erase(one.columns.begin());
    one.columns.resize(3);  // a missing column is an empty one
    all.push_back(std::move(one));
  }
  return all;
}

// "a","b" as the items a and b; no quotes at all as no items.
strings items_of(std::string_view text) {
  strings items;
  while (!text.empty()) {
    REQUIRE(text.front() == '"');
    const auto end = text.find('"', 1);
    REQUIRE(end != std::string_view::npos);
    items.push_back(unescaped(text.substr(1, end - 1)));
    text.remove_prefix(end + 1);
    if (text.empty()) break;
    REQUIRE(text.front() == ',');
    text.remove_prefix(1);
  }
  return items;
}

// key=value key=value ..., the last of them `rest` if it is there, which may hold blanks.
std::map<std::string, std::string> fields_of(std::string text, const std::string& rest = {}) {
  std::map<std::string, std::string> fields;
  if (const auto at = rest.empty() ? std::string::npos : text.find(rest + '='); at != std::string::npos) {
    fields[rest] = text.substr(at + rest.size() + 1);
    text.resize(at);
  }
  std::istringstream words{text};
  for (std::string word; words >> word;) fields[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
  return fields;
}

std::uint64_t number_of(const std::string& text) { return std::stoull(text); }

open_record record_of(const std::string& text) {
  const auto fields = fields_of(text, "headers");
  open_record record{number_of(fields.at("id")), std::nullopt, {}};
  if (fields.contains("parent")) {
    const auto& parent = fields.at("parent");
    record.parent = channel_id{parent[0] == 'c' ? side::dialler : side::acceptor, number_of(parent.substr(1))};
  }
  if (fields.contains("headers")) record.headers = items_of(fields.at("headers"));
  return record;
}

hello hello_of(const std::string& text) {
  const auto fields = fields_of(text);
  return {fields.at("name"), fields.at("instance"), fields.at("version"), number_of(fields.at("max_frame")),
          number_of(fields.at("max_open_record"))};
}

control_frame control_of(const std::string& text) {
  const auto blank = text.find(' ');
  return {text.substr(0, blank), blank == std::string::npos ? strings{} : items_of(text.substr(blank + 1))};
}

void check_error(const error& why, errc code, const std::string& part) {
  CHECK(why.code() == code);
  CHECK_THAT(why.context(), Catch::Contains(part));
}

constexpr std::uint64_t record_limit = 32 << 10;

void check_name(const vector& v) { CHECK(is_valid_name(unescaped(v.columns[0])) == (v.kind == "name")); }

void check_status(const vector& v) { CHECK(to_string(static_cast<errc>(number_of(v.columns[0]))) == v.columns[1]); }

void check_list(const vector& v) {
  const auto wire = unescaped(v.columns[v.kind == "list-bad" ? 0 : 1]);
  const auto read = decode_list(wire);
  if (v.kind == "list-bad") {
    CHECK_FALSE(read);
    return;
  }
  const auto items = items_of(v.columns[0]);
  REQUIRE(read);
  CHECK((*read == items));
  CHECK((encode_list(items) == wire) == (v.kind == "list"));
}

void check_record(const vector& v) {
  const auto wire = unescaped(v.columns[v.kind == "record-bad" ? 0 : 1]);
  CHECK(open_record::is_record(wire));
  const auto read = open_record::decode(wire, record_limit);
  if (v.kind == "record-bad") return check_error(read.error(), errc::malformed, v.columns[1]);
  const auto record = record_of(v.columns[0]);
  REQUIRE(read);
  CHECK(read->id == record.id);
  CHECK((read->parent == record.parent));
  CHECK((read->headers == record.headers));
  CHECK((record.encode() == wire) == (v.kind == "record"));
}

void check_frame(const vector& v) {
  const auto wire = unhex(v.columns[1]);
  const auto limit = v.kind == "frame-bad" ? number_of(fields_of(v.columns[0]).at("max_frame")) : 16U << 20;
  receive_buffer buffer;
  buffer.append(wire.data(), wire.size());
  auto read = buffer.take_frames(limit);
  if (v.kind == "frame-bad") {
    if (!read) return check_error(read.error(), errc::frame_too_large, v.columns[2]);
    CHECK(read->empty());
    return check_error(buffer.truncation(), errc::truncated, v.columns[2]);
  }
  REQUIRE(read);
  frame_writer writer;
  strings got;
  for (const auto payload : *read) got.emplace_back(payload);
  const auto items = items_of(v.columns[0]);
  CHECK((got == items));
  for (const auto& item : items) writer.put(item);
  CHECK((writer.take().image() == wire));
  CHECK_FALSE(buffer.truncation());
}

void check_control(const vector& v) {
  const auto wire = unescaped(v.columns[v.kind == "control-bad" ? 0 : 1]);
  const auto read = control_frame::decode(wire);
  if (v.kind == "control-bad") return check_error(read.error(), errc::malformed, v.columns[1]);
  const auto frame = control_of(v.columns[0]);
  REQUIRE(read);
  CHECK(read->word == frame.word);
  CHECK((read->items == frame.items));
  CHECK(frame.encode() == wire);
}

void check_hello(const vector& v) {
  const auto wire = unescaped(v.columns[v.kind == "hello-bad" ? 0 : 1]);
  const auto items = decode_list(wire);
  REQUIRE(items);
  const auto read = hello::from_items(*items);
  if (v.kind == "hello-bad") return check_error(read.error(), errc::malformed, v.columns[1]);
  const auto said = hello_of(v.columns[0]);
  REQUIRE(read);
  CHECK(read->name == said.name);
  CHECK(read->instance == said.instance);
  CHECK(read->version == said.version);
  CHECK(read->max_frame == said.max_frame);
  CHECK(read->max_open_record == said.max_open_record);
  CHECK((encode_list(said.to_items()) == wire) == (v.kind == "hello"));
}

const std::map<std::string, void (*)(const vector&)> checks{
    {"name", check_name},           {"name-bad", check_name},      {"status", check_status},
    {"list", check_list},           {"list-read", check_list},     {"list-bad", check_list},
    {"record", check_record},       {"record-read", check_record}, {"record-bad", check_record},
    {"frame", check_frame},         {"frame-bad", check_frame},    {"control", check_control},
    {"control-bad", check_control}, {"hello", check_hello},        {"hello-read", check_hello},
    {"hello-bad", check_hello},
};

}  // namespace

TEST_CASE("protocol: every vector of docs/protocol.md holds", "[protocol]") {
  const auto vectors = read_vectors();
  REQUIRE_FALSE(vectors.empty());
  std::set<std::string> seen;
  for (const auto& v : vectors) {
    INFO("docs/protocol.md:" << v.line << ": " << v.kind << " | " << v.columns[0] << " | " << v.columns[1]);
    REQUIRE(checks.contains(v.kind));
    checks.at(v.kind)(v);
    seen.insert(v.kind);
  }
  for (const auto& [kind, check] : checks) {
    INFO("a kind without a vector: " << kind);
    CHECK(seen.contains(kind));
  }
}

TEST_CASE("protocol: docs/protocol.md lists every status number, in the table and in the vectors", "[protocol]") {
  std::ifstream page{DUPLEX_SOURCE_DIR "/docs/protocol.md"};
  const std::string text{std::istreambuf_iterator<char>{page}, {}};
  for (int code = 1; code < errc_count; ++code) {
    const auto row = "| " + std::to_string(code) + " | " + std::string{to_string(static_cast<errc>(code))};
    INFO(row);
    CHECK(text.find("\n" + row + " |") != std::string::npos);
    CHECK(text.find("\nstatus " + row + "\n") != std::string::npos);
  }
}

TEST_CASE("protocol: the defaults that docs/protocol.md names are the options' own", "[protocol]") {
  const options defaults;
  CHECK(defaults.max_frame == 16'777'216);
  CHECK(defaults.max_open_record == 32'768);
  CHECK(defaults.max_channels == 1000);
  CHECK(defaults.accept_queue == 128);
  CHECK(defaults.max_startups == 64);
  CHECK(defaults.max_auth_tries == 6);
  CHECK(defaults.login_grace_time == std::chrono::seconds{10});
  CHECK(defaults.open_timeout == std::chrono::seconds{10});
  CHECK(defaults.alive_interval == std::chrono::seconds{15});
  CHECK(defaults.alive_count_max == 3);
  CHECK(max_control_frame == 4096);
}
