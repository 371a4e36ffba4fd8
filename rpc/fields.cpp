// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/rpc/fields.hpp>

namespace duplex::rpc {

std::string describer::dotted(std::string_view type) {
  // An unnamed namespace is nobody's name: g++'s and clang's words for it.
  constexpr std::string_view unnamed[] = {"{anonymous}::", "(anonymous namespace)::"};
  std::string text;
  for (std::size_t i = 0; i < type.size(); ++i) {
    for (const auto word : unnamed)
      while (type.substr(i).starts_with(word)) i += word.size();
    if (type.substr(i, 2) == "::") {
      text += '.';
      ++i;
    } else {
      text += type[i];
    }
  }
  return text;
}

describer::fields* describer::enter(const std::string& type) {
  const auto [at, fresh] = types_.try_emplace(type);
  return fresh ? &at->second : nullptr;
}

namespace detail {
namespace {

// Where the field of that name is: mostly the one after the last.
std::size_t find(std::span<const field> fields, std::string_view name, std::size_t expected) {
  if (expected < fields.size() && fields[expected].name == name) return expected;
  std::size_t at = 0;
  while (at < fields.size() && fields[at].name != name) ++at;
  return at;
}

class field_counter final : public out_fields {
 public:
  std::size_t count = 0;

 protected:
  void field(std::string_view, const void*, const value_ops&) override { ++count; }
};

class field_writer final : public out_fields {
 public:
  explicit field_writer(token_writer& to) : to_(to) {}

 protected:
  void field(std::string_view name, const void* value, const value_ops& ops) override {
    to_.str(name);
    ops.write(to_, value);
  }

 private:
  token_writer& to_;
};

class field_describer final : public out_fields {
 public:
  field_describer(describer& to, describer::fields& into) : to_(to), into_(into) {}

 protected:
  void field(std::string_view name, const void*, const value_ops& ops) override {
    into_.emplace_back(name, ops.describe(to_));
  }

 private:
  describer& to_;
  describer::fields& into_;
};

}  // namespace

void write_aggregate(token_writer& to, const void* value, const aggregate& type) {
  void* members[most_fields];
  type.members(const_cast<void*>(value), members);  // only to be read
  to.map(type.fields.size());
  for (std::size_t i = 0; i < type.fields.size(); ++i) {
    to.str(type.fields[i].name);
    type.fields[i].ops->write(to, members[i]);
  }
}

void read_aggregate(token_reader& from, void* into, const aggregate& type) {
  void* members[most_fields];
  type.members(into, members);
  std::size_t expected = 0;
  for (auto pairs = from.map(); pairs.next();) {
    const auto name = from.str();
    const auto at = find(type.fields, name, expected);
    if (at == type.fields.size()) {
      from.skip();
      continue;
    }
    expected = at + 1;
    try {
      type.fields[at].ops->read(from, members[at]);
    } catch (codec_error& why) {
      why.within(name);
      throw;
    }
  }
}

std::string describe_aggregate(describer& to, const aggregate& type) {
  auto name = describer::dotted(type.type);
  if (auto* const into = to.enter(name)) {
    for (const auto& field : type.fields) into->emplace_back(field.name, field.ops->describe(to));
  }
  return name;
}

void in_fields::field(std::string_view name, void* value, const value_ops& ops) {
  if (index_.empty() && pairs_.next()) {
    const auto found = from_.str();
    if (found == name) return read(name, value, ops);
    index(found);
  }
  for (const auto& entry : index_) {
    if (entry.name != name) continue;
    const auto end = from_.rest();
    from_.go_to(entry.rest);
    read(name, value, ops);
    from_.go_to(end);
    return;
  }
}

void in_fields::read(std::string_view name, void* value, const value_ops& ops) {
  try {
    ops.read(from_, value);
  } catch (codec_error& why) {
    why.within(name);
    throw;
  }
}

// Once, whatever the number of fields that are missing or in another order.
void in_fields::index(std::string_view first) {
  for (auto name = first;; name = from_.str()) {
    from_.grow(sizeof(entry));
    index_.push_back({name, from_.rest()});
    from_.skip();
    if (!pairs_.next()) return;
  }
}

void in_fields::finish() {
  while (pairs_.next()) {
    from_.str();
    from_.skip();
  }
}

void write_described(token_writer& to, const void* value, const description& type) {
  field_counter fields;
  type.out(value, fields);
  to.map(fields.count);
  field_writer writer{to};
  type.out(value, writer);
}

void read_described(token_reader& from, void* into, const description& type) {
  in_fields fields{from};
  type.in(into, fields);
  fields.finish();
}

std::string describe_described(describer& to, const void* value, const description& type) {
  auto name = describer::dotted(type.type);
  if (auto* const into = to.enter(name)) {
    field_describer fields{to, *into};
    type.out(value, fields);
  }
  return name;
}

}  // namespace detail
}  // namespace duplex::rpc
