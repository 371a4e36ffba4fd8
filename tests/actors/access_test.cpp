// SPDX-License-Identifier: BSD-2-Clause
// The access list changes while a client logs in.
#include "tests/actors/raw_client.hpp"
#include "tests/transport/folder.hpp"

#include <duplex/async.hpp>

#include <filesystem>

using namespace duplex;
using namespace duplex::test;

TEST_CASE("access: a list that was read before the login does not count against it", "[access]") {
  const transport_tests::folder files;
  const auto replace = [&](const std::string& text) {
    files.write("list.new", text);
    std::filesystem::rename(files.path("list.new"), files.path("list"));
  };
  const auto line = test_key().public_line();
  files.write("list", line);
  seen<std::string> told;
  auto settings = with_keys({.name = "hub"});
  settings.authorized_keys = files.path("list");
  settings.log = [&](const log_record& record) {
    if (record.topic == "access") told.add(record.text);
  };
  runtime rt;
  auto hub = rt.spawn_peer(settings);
  const auto at = hub.bind("tcp://127.0.0.1:0");
  REQUIRE(at);
  REQUIRE(hub.serve("s", [](channel ch) { (void)ch.write("x"); }));
  raw_client early{at->str()};  // its keys are exchanged, it has not logged in
  replace("nonsense");
  REQUIRE(told.wait_for(2).size() == 2);  // the line, and that nobody can log in
  replace(line);                          // noticed in a moment; the login reads it at once
  early.authenticate(test_key());
  REQUIRE(early.authenticated);
  CHECK(early.open("s", "127.0.0.1")->opened);
}
