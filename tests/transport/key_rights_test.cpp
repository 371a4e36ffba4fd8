// SPDX-License-Identifier: BSD-2-Clause
#include "transport/key_rights.hpp"

#include "tests/transport/keys.hpp"

using namespace duplex;
using namespace duplex::transport;

namespace {

permissions_ptr line(const std::string& options) {
  const auto owner = key::generate();
  const auto list = authorized_keys::only("test", options + (options.empty() ? "" : " ") + owner.public_line());
  auto found = list.check(transport_tests::shown(owner).get(), "127.0.0.1");
  REQUIRE(found.allowed);
  return found.may;
}

std::string opened(const rights& by) {
  std::string all;
  for (const std::string name : {"a", "b", "ab", "@x", "@duplex", "", "no name", "a\n"})
    if (by.may_open(name)) all += name + ' ';
  return all;
}

}  // namespace

TEST_CASE("rights: a value that stands for nobody may open nothing", "[rights]") { CHECK(opened({}).empty()); }

TEST_CASE("rights: whom no list is asked about may open every service but the reserved one", "[rights]") {
  CHECK(opened(every_service()) == "a b ab @x ");
}

TEST_CASE("rights: a key may open what its line says, at port 1", "[rights]") {
  const auto [options, expected] = GENERATE(table<std::string, std::string>({
      {"", "a b ab "},
      {"restrict", ""},
      {"permitopen=\"a:*\"", "a "},
      {"permitopen=\"a:1\",permitopen=\"b:2\"", "a "},
      {"permitopen=\"a*:*\"", "a ab "},
      {"permitopen=\"*:*\"", "a b ab "},
      {"permitopen=\"@x:*\"", "@x "},
      {"permitopen=\"@duplex:*\"", ""},
      {"restrict,permitopen=\"b:*\"", "b "},
  }));
  INFO(options);
  const auto of_key = std::make_shared<key_rights>();
  of_key->follow(line(options));
  CHECK(opened(rights{of_key}) == expected);
}

TEST_CASE("rights: a copy that was made before a change follows it", "[rights]") {
  const auto of_key = std::make_shared<key_rights>();
  const rights copy{of_key};
  CHECK(opened(copy).empty());
  of_key->follow(line("permitopen=\"b:*\""));
  CHECK(opened(copy) == "b ");
  of_key->follow(line(""));
  CHECK(opened(copy) == "a b ab ");
  of_key->follow(nullptr);
  CHECK(opened(copy).empty());
}
